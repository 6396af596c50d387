# SPDX-License-Identifier: Apache-2.0
# The CUDA kernels of the shipped library.

# Any problem, in place.
foreach(format IN ITEMS nhwc nchw)
    foreach(index IN ITEMS 32 64)
        convwright_add_cuda_kernel(conv2d_direct FORMAT ${format} INDEX ${index} SCHEDULE engine:0)
    endforeach()
    # Second pass of the kernels with split:1.
    convwright_add_cuda_kernel(conv2d_parts FORMAT ${format})
endforeach()
convwright_add_cuda_kernel(cuda_pack_weight)

# Tiles of co x px, largest first. vec:4 where what is stored comes in fours. With 3 buffers two
# chunks are under way while one is used.
foreach(tile IN ITEMS
        co:128,co_t:8 co:64,px:128 co:64 co:64,px:32,px_t:4 co:32,px:64,px_t:4 co:32,px:32,px_t:4
        co:64,linear:1)
    convwright_add_cuda_kernel(conv2d_gemm FORMAT nhwc SCHEDULE vec:4,${tile},stages:3)
endforeach()
foreach(tile IN ITEMS co:64 co:64,linear:1)
    convwright_add_cuda_kernel(conv2d_gemm FORMAT nhwc SCHEDULE ${tile},stages:3)
endforeach()
foreach(tile IN ITEMS
        co:128,co_t:8 co:64,px:128 co:64 co:64,px:32,px_t:4 co:32,px:64,px_t:4 co:32,px:32,px_t:4
        co:64,linear:1)
    convwright_add_cuda_kernel(conv2d_gemm FORMAT nchw SCHEDULE ${tile},stages:3)
endforeach()
foreach(tile IN ITEMS co:128,co_t:8 co:64)
    convwright_add_cuda_kernel(conv2d_gemm FORMAT nchw SCHEDULE vec:4,${tile},stages:3)
endforeach()
# TF32 on tensor cores, in 4 warps.
foreach(tile IN ITEMS
        co:64,co_t:32,px_t:32 co:64,px:128,co_t:32,px_t:64 co:64,co_t:32,px_t:32,split:1)
    convwright_add_cuda_kernel(conv2d_gemm FORMAT nhwc SCHEDULE vec:4,mma:1,${tile},stages:3 OLDEST 80)
endforeach()
# Few output channels, any number of them.
foreach(co IN ITEMS 16 8)
    set(tile co:${co},px:128,px_t:4)
    convwright_add_cuda_kernel(conv2d_gemm FORMAT nhwc SCHEDULE vec:4,${tile},apart:1,stages:3)
    convwright_add_cuda_kernel(conv2d_gemm FORMAT nchw SCHEDULE ${tile},stages:3)
endforeach()
# Narrow first layers, whose sums are a few turns: more blocks hide more than stages.
convwright_add_cuda_kernel(conv2d_gemm FORMAT nhwc SCHEDULE vec:4,co:16,px:128,px_t:4,linear:1)
foreach(format IN ITEMS nhwc nchw)
    convwright_add_cuda_kernel(conv2d_gemm FORMAT ${format} SCHEDULE co:16,px:128,px_t:4,linear:1)
endforeach()
# Small layers: few outputs, long sums.
foreach(tile IN ITEMS co:64,split:1 co:64,px:32,px_t:4,split:1)
    convwright_add_cuda_kernel(conv2d_gemm FORMAT nhwc SCHEDULE vec:4,${tile},stages:3)
    convwright_add_cuda_kernel(conv2d_gemm FORMAT nchw SCHEDULE ${tile},stages:3)
endforeach()

# Depthwise. With the filters of 3, 5 and 7 taps the phases of their dgrad: 1 and 2, 2 and 3, 3 and 4.
foreach(window IN ITEMS
        taps:3 taps:3,stride:2 taps:5 taps:5,stride:2 taps:7 taps:7,stride:2 taps:1 taps:2 taps:4)
    convwright_add_cuda_kernel(conv2d_depthwise FORMAT nhwc
        SCHEDULE engine:2,co:32,vec:4,px_t:4,${window})
    convwright_add_cuda_kernel(conv2d_depthwise FORMAT nchw SCHEDULE engine:2,co:1,px_t:8,${window})
endforeach()
foreach(window IN ITEMS taps:3 taps:3,stride:2)
    convwright_add_cuda_kernel(conv2d_depthwise FORMAT nhwc SCHEDULE engine:2,co:32,px_t:4,${window})
endforeach()
