# SPDX-License-Identifier: Apache-2.0
# The fused weighted sum, channels_last. vec:4 where channels come in fours.
foreach(tile IN ITEMS
        vec:4 vec:4,columns:8,rows:4,strip:2,stride:2 vec:4,taps:5
        columns:16,rows:8 columns:8,rows:4,strip:2,stride:2)
    convwright_add_cuda_kernel(weighted_sum_cuda FORMAT nhwc SCHEDULE ${tile}
        PROGRAM convwright_cuda_weighted_sum_generators)
endforeach()
# Its gradient of the input: by the most channels of z, narrow images apart.
foreach(tile IN ITEMS
        vec:4,channels:16,middle:16,strip:4 vec:4 vec:4,columns:8,channels:64,middle:64,strip:4
        vec:4,channels:16,middle:32,strip:4,stride:2 vec:4,middle:64,stride:2 vec:4,taps:5
        columns:8,strip:4,middle:64 middle:64,stride:2)
    convwright_add_cuda_kernel(weighted_sum_grad_cuda FORMAT nhwc SCHEDULE ${tile}
        PROGRAM convwright_cuda_weighted_sum_generators)
endforeach()
