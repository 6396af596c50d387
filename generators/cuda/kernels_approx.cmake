# SPDX-License-Identifier: Apache-2.0
# The CUDA kernels of approximate products: generators/products.h.

# The log family where channels come in fours (nhwc); 2 chunks are under way while one is used.
foreach(product IN ITEMS mitchell mitchell_zeros mbm mbm_zeros log_bits)
    convwright_add_cuda_kernel(approx_gemm FORMAT nhwc PRODUCT ${product}
        SCHEDULE vec:4,co:64,stages:3)
endforeach()
# Any problem and any strides, wgrad too: chunks run on over the taps.
foreach(product IN ITEMS mitchell_zeros mbm_zeros roba
        log_bits lmul_bits realm_bits roba_bits ax_fpm_bits mantissa_table rounded)
    convwright_add_cuda_kernel(approx_gemm FORMAT nchw PRODUCT ${product}
        SCHEDULE co:32,px:64,px_t:4,linear:1,stages:3)
endforeach()
# Which form takes the operands is found on the device; and operands as some multipliers see them.
foreach(generator IN ITEMS operand_range_cuda product_choice_cuda edit_operands_cuda)
    convwright_add_cuda_kernel(${generator} PROGRAM convwright_cuda_product_generators)
endforeach()
