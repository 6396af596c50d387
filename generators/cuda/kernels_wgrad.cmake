# SPDX-License-Identifier: Apache-2.0
# The CUDA kernels of wgrad.

# Any problem: 32 lanes of channels, or of the pixels of a channel; of a 3x3 filter a row of taps.
foreach(index IN ITEMS 32 64)
    convwright_add_cuda_kernel(conv2d_wgrad_direct FORMAT nhwc INDEX ${index}
        SCHEDULE engine:0,co:32,e:3,shares:8)
    convwright_add_cuda_kernel(conv2d_wgrad_direct FORMAT nchw INDEX ${index}
        SCHEDULE engine:0,co:4,e:3,shares:32)
endforeach()
# Second pass.
convwright_add_cuda_kernel(wgrad_reduce_cuda)

# Tiles of output channels by filter elements, largest first. vec:4 where channels come in fours. Chunks
# are copied two ahead of their use.
foreach(tile IN ITEMS co:128,e_t:8,chunk:8 co:64 co:32,co_t:4 co:16,co_t:4)
    convwright_add_cuda_kernel(conv2d_wgrad_gemm FORMAT nhwc SCHEDULE ${tile},vec:4,async:1,stages:3)
endforeach()
foreach(format IN ITEMS nhwc nchw)
    foreach(tile IN ITEMS co:64 co:32,co_t:4 co:16,co_t:4)
        convwright_add_cuda_kernel(conv2d_wgrad_gemm FORMAT ${format} SCHEDULE ${tile},async:1,stages:3)
    endforeach()
endforeach()

# Depthwise: all taps in registers. 32 channels in 4 or 8 lanes of a warp, or columns of 4 channels.
foreach(stride IN ITEMS 1 2)
    foreach(tile IN ITEMS taps:3,vec:4,shares:16 taps:5,vec:4,shares:8 taps:7,shares:4 taps:3,shares:8)
        convwright_add_cuda_kernel(conv2d_wgrad_depthwise FORMAT nhwc
            SCHEDULE engine:2,co:32,${tile},stride:${stride})
    endforeach()
    foreach(taps IN ITEMS 3 5 7)
        convwright_add_cuda_kernel(conv2d_wgrad_depthwise FORMAT nchw
            SCHEDULE engine:2,co:4,shares:32,taps:${taps},stride:${stride})
    endforeach()
endforeach()
