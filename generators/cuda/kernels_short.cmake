# SPDX-License-Identifier: Apache-2.0
# CUDA kernels of bfloat16 and float16 on tensor cores, channels_last. vec:8 where channels come in
# eights, 16 bytes; without it any channels, whose chunks run on over the taps.
foreach(dtype IN ITEMS bf16 f16)
    set(mma FORMAT nhwc DTYPE ${dtype} OLDEST 80)
    # Passes that no tap reaches.
    convwright_add_cuda_kernel(conv2d_direct FORMAT nhwc DTYPE ${dtype} SCHEDULE engine:0)
    foreach(tile IN ITEMS
            co:128,px:128,co_t:64,px_t:32 co:64,co_t:32,px_t:32 co:64,co_t:32,px_t:32,split:1)
        convwright_add_cuda_kernel(conv2d_gemm ${mma} SCHEDULE vec:8,mma:2,chunk:32,${tile},stages:3)
    endforeach()
    # Few output channels, any number of them.
    convwright_add_cuda_kernel(conv2d_gemm ${mma}
        SCHEDULE vec:8,mma:2,chunk:32,co:16,px:128,co_t:16,px_t:32,apart:1,stages:3)
    convwright_add_cuda_kernel(conv2d_gemm ${mma} SCHEDULE mma:2,chunk:32,co:64,co_t:32,px_t:32,linear:1)
    convwright_add_cuda_kernel(conv2d_parts FORMAT nhwc DTYPE ${dtype})

    foreach(tile IN ITEMS co:64,co_t:32 co:16,co_t:16)
        convwright_add_cuda_kernel(conv2d_wgrad_gemm ${mma}
            SCHEDULE vec:8,mma:2,chunk:32,${tile},e_t:32,async:1,stages:3)
    endforeach()
    convwright_add_cuda_kernel(conv2d_wgrad_gemm ${mma} SCHEDULE mma:2,chunk:32,co:64,co_t:32,e_t:32)
    convwright_add_cuda_kernel(wgrad_reduce_cuda DTYPE ${dtype})
endforeach()
# Words of 16 bits, whatever they are.
convwright_add_cuda_kernel(cuda_pack_weight DTYPE bf16)
