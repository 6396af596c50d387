# SPDX-License-Identifier: Apache-2.0
# NVIDIA's run-time compiler, which the build uses where it finds one, and the GPUs it compiles for.

set(CONVWRIGHT_CUDA_ARCHITECTURES 75 80 89 90 CACHE STRING
    "GPUs that CUDA kernels are compiled for: 80 for compute capability 8.0.")

# As Nvrtc::open (runtime/cuda/nvrtc.h) looks for it: the packages beside PyTorch before toolkits.
if(DEFINED ENV{CONVWRIGHT_NVRTC})
    set(CONVWRIGHT_NVRTC "$ENV{CONVWRIGHT_NVRTC}")
elseif(NOT EXISTS "${CONVWRIGHT_NVRTC}")
    unset(CONVWRIGHT_NVRTC CACHE)
    get_filename_component(packages "${CONVWRIGHT_TORCH_DIR}" DIRECTORY)
    file(GLOB folders "${packages}/nvidia/*/lib")
    find_library(CONVWRIGHT_NVRTC NAMES libnvrtc.so.13 libnvrtc.so.12 nvrtc HINTS ${folders}
        PATHS "$ENV{CUDA_HOME}/lib64" /usr/local/cuda/lib64)
endif()
if(CONVWRIGHT_NVRTC)
    # Another compiler makes other programs.
    set(CONVWRIGHT_NVRTC_ARGUMENTS --nvrtc "${CONVWRIGHT_NVRTC}")
    set(CONVWRIGHT_NVRTC_FILE "${CONVWRIGHT_NVRTC}")
else()
    set(CONVWRIGHT_NVRTC_ARGUMENTS)
    set(CONVWRIGHT_NVRTC_FILE)
    message(STATUS
        "No NVRTC was found, so CUDA kernels are compiled by the machine that runs them; to compile "
        "them here install PyTorch's CUDA packages or pass -DCONVWRIGHT_NVRTC=<libnvrtc.so>.")
endif()
