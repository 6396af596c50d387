# SPDX-License-Identifier: Apache-2.0
# The CUDA kernels of products of 8-bit operands: schedules/byte_gemm_cuda_params.h.

set(byte_program PROGRAM convwright_cuda_byte_generators)
# Dot products of bytes, largest tile first. vec:4 where channels come in fours.
foreach(product IN ITEMS dot_s8 dot_u8)
    foreach(tile IN ITEMS co:128,co_t:8 co:64 co:32,px:32,px_t:4)
        convwright_add_cuda_kernel(byte_gemm FORMAT nhwc PRODUCT ${product}
            SCHEDULE vec:4,${tile},stages:3 ${byte_program})
    endforeach()
    # Any problem and any strides of the result.
    foreach(tile IN ITEMS co:64 co:16)
        convwright_add_cuda_kernel(byte_gemm FORMAT nchw PRODUCT ${product} SCHEDULE ${tile},stages:3
            ${byte_program})
    endforeach()
endforeach()
# Tables: in shared memory where a block may have 160 KB, else through L1. 32 pixels or more beside each
# other, so that a warp looks up in one row.
foreach(tile IN ITEMS co:64,px:128,px_t:4 co:16,px:256)
    convwright_add_cuda_kernel(byte_gemm FORMAT nchw PRODUCT table16 SCHEDULE ${tile},chunk:8,staged:1
        ${byte_program})
endforeach()
foreach(product IN ITEMS table16 table32)
    convwright_add_cuda_kernel(byte_gemm FORMAT nchw PRODUCT ${product}
        SCHEDULE co:32,px:128,px_t:4,chunk:8 ${byte_program})
endforeach()
foreach(generator IN ITEMS pack_pixel_bytes_cuda pack_weight_bytes_cuda)
    convwright_add_cuda_kernel(${generator} ${byte_program})
endforeach()
