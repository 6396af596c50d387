# SPDX-License-Identifier: Apache-2.0
# The shipped library: generic kernels, sizes at run time. Which of them runs is the cost model's
# choice (runtime/cost_model.h); a row earns its place by being the best for some common width.

# Tiles of columns. 2 x 8 accumulators reach 0.9 of the FMA peak with 32 registers, and larger tiles
# (2 x 12, 1 x 14) were no faster: their column pointers spill. 16 registers hold 2 x 6, or 3 x 4 where rows
# are short: 2 x 4 accumulators leave a third of the FMA peak unused.
set(tiles3_avx512)
set(tiles3_avx2 4)
set(tiles2_avx512 8 7 4 1)
set(tiles1_avx512 8 7 4 1)
set(tiles2_avx2 6 4 1)
set(tiles1_avx2 8 4 1)

set(folded_tiles_avx512 vec:2,tile:8 vec:2,tile:7 vec:2,tile:4 vec:1,tile:8 vec:1,tile:7)
set(folded_tiles_avx2 vec:3,tile:4 vec:2,tile:6 vec:1,tile:8)

set(winograd_tiles_avx512 vec:2,tile:8 vec:2,tile:7 vec:2,tile:4)
set(winograd_tiles_avx2 vec:3,tile:4 vec:2,tile:6 vec:2,tile:4)

foreach(isa IN ITEMS avx2 avx512)
    foreach(dtype IN ITEMS f32 bf16)
        convwright_add_kernel(pack_weight ISA ${isa} DTYPE ${dtype})
        convwright_add_kernel(wgrad_reduce ISA ${isa} DTYPE ${dtype})
    endforeach()

    convwright_add_kernel(winograd_weight ISA ${isa})
    # 3 x 3 by Winograd tiles of 2 x 2 outputs, from a vector of input channels on.
    foreach(tile IN LISTS winograd_tiles_${isa})
        convwright_add_kernel(conv2d ISA ${isa} FORMAT nhwc SCHEDULE lane:0,${tile},stage:5)
    endforeach()

    foreach(vec IN ITEMS 3 2 1)
        # Lanes are output channels; stage 0 reads in place, 1 from a frame of zeros.
        foreach(tile IN LISTS tiles${vec}_${isa})
            foreach(stage IN ITEMS 0 1)
                convwright_add_kernel(conv2d ISA ${isa} FORMAT nhwc
                    SCHEDULE lane:0,vec:${vec},tile:${tile},stage:${stage})
            endforeach()
        endforeach()
    endforeach()
    # Few input channels: a row of taps and channels is one loop.
    foreach(tile IN LISTS folded_tiles_${isa})
        convwright_add_kernel(conv2d ISA ${isa} FORMAT nhwc SCHEDULE lane:0,${tile},stage:4)
    endforeach()
endforeach()

# 16 channels in a group, as of ResNeXt: one vector of output channels, so columns alone fill registers.
set(group16_tiles_avx512 vec:1,tile:14 vec:1,tile:8)
set(group16_tiles_avx2 vec:2,tile:6)
foreach(isa IN ITEMS avx2 avx512)
    foreach(tile IN LISTS group16_tiles_${isa})
        foreach(stride IN ITEMS 1 2)
            convwright_add_kernel(conv2d ISA ${isa} FORMAT nhwc
                SCHEDULE lane:0,${tile},stage:1,group:16,stride:${stride})
        endforeach()
    endforeach()
endforeach()

# 1 x 1 with few input channels: loops over them and over taps would take as long as the sums.
foreach(knobs IN ITEMS vec:1,group:16 vec:2,group:16 vec:1,group:32 vec:2,group:32)
    convwright_add_kernel(conv2d ISA avx512 FORMAT nhwc SCHEDULE lane:0,tile:14,stage:0,stride:1,${knobs})
endforeach()
foreach(group IN ITEMS 16 32)
    convwright_add_kernel(conv2d ISA avx2 FORMAT nhwc
        SCHEDULE lane:0,tile:6,stage:0,stride:1,vec:2,group:${group})
endforeach()

# Few output channels, as of dgrad in front of a first layer: lanes are input channels.
set(summed_tiles_avx512 vec:1,tile:8 vec:1,tile:7 vec:2,tile:8 vec:3,tile:8 vec:3,tile:7)
set(summed_tiles_avx2 vec:1,tile:8 vec:3,tile:4)
foreach(isa IN ITEMS avx2 avx512)
    foreach(tile IN LISTS summed_tiles_${isa})
        convwright_add_kernel(conv2d ISA ${isa} FORMAT nhwc SCHEDULE lane:3,${tile},stage:4)
    endforeach()
endforeach()

# Depthwise: lanes are groups. In place from a whole vector of them on, else from a frame. Taps of a
# row are compiled in for odd kernels, and for the passes of their strided dgrad.
set(depthwise_tiles_avx512 7 8)
set(depthwise_tiles_avx2 4)
foreach(isa IN ITEMS avx2 avx512)
    foreach(dtype IN ITEMS f32 bf16)
        set(row conv2d ISA ${isa} FORMAT nhwc DTYPE ${dtype} SCHEDULE)
        foreach(tile IN LISTS depthwise_tiles_${isa})
            foreach(stride IN ITEMS 1 2)
                convwright_add_kernel(${row}
                    lane:2,vec:1,tile:${tile},stage:3,taps_x:3,taps_y:3,stride:${stride})
                foreach(taps IN ITEMS 5 7)
                    convwright_add_kernel(${row}
                        lane:2,vec:1,tile:${tile},stage:3,taps_x:${taps},stride:${stride})
                endforeach()
            endforeach()
        endforeach()
        foreach(taps IN ITEMS 1 2 3 4)
            convwright_add_kernel(${row} lane:2,vec:1,tile:4,stage:3,taps_x:${taps},stride:1)
        endforeach()
        convwright_add_kernel(${row} lane:2,vec:1,tile:8,stage:3)
        foreach(tile IN ITEMS 8 4)
            convwright_add_kernel(${row} lane:2,vec:1,tile:${tile},stage:1)
        endforeach()
    endforeach()
endforeach()

# Groups of 2, 4 or 8 channels: lanes are the channels of several groups. A vector of pixels is read
# once where the taps of a row and the stride are compiled in.
set(grouped_tiles_avx512 stride:1,tile:8 stride:1,tile:7 stride:2,tile:8)
set(grouped_tiles_avx2 stride:1,tile:4 stride:2,tile:4)
foreach(isa IN ITEMS avx2 avx512)
    foreach(group IN ITEMS 4 8)
        foreach(knobs IN LISTS grouped_tiles_${isa})
            convwright_add_kernel(conv2d ISA ${isa} FORMAT nhwc
                SCHEDULE lane:2,vec:1,stage:3,taps_x:3,group:${group},${knobs})
        endforeach()
        foreach(stride IN ITEMS 1 2)
            convwright_add_kernel(conv2d_wgrad ISA ${isa} FORMAT nhwc
                SCHEDULE lane:2,vec:1,tile:4,stage:3,taps_x:3,unroll:2,group:${group},stride:${stride})
        endforeach()
    endforeach()
    foreach(group IN ITEMS 2 4 8)
        set(dtypes f32 bf16)
        if(group EQUAL 2)
            set(dtypes f32)
        endif()
        foreach(dtype IN LISTS dtypes)
            convwright_add_kernel(conv2d ISA ${isa} FORMAT nhwc DTYPE ${dtype}
                SCHEDULE lane:2,vec:1,tile:4,stage:3,group:${group})
            convwright_add_kernel(conv2d_wgrad ISA ${isa} FORMAT nhwc DTYPE ${dtype}
                SCHEDULE lane:2,vec:1,tile:2,stage:3,taps_x:3,unroll:2,group:${group})
        endforeach()
    endforeach()
endforeach()

# Lanes are columns. Strided columns, read (stage 2) or written (strided_out), get fewer tiles.
set(column_tiles_avx512 vec:2,tile:8 vec:2,tile:1
                        vec:1,tile:16 vec:1,tile:8 vec:1,tile:1)
set(column_tiles_avx2 vec:2,tile:6 vec:2,tile:1 vec:1,tile:8 vec:1,tile:1)
set(strided_tiles_avx512 vec:2,tile:8 vec:1,tile:8 vec:1,tile:1)
set(strided_tiles_avx2 vec:2,tile:6 vec:1,tile:1)
set(turned_tiles_avx512 vec:2,tile:8 vec:2,tile:7 vec:1,tile:8)
set(turned_tiles_avx2 vec:2,tile:6 vec:1,tile:8)
foreach(isa IN ITEMS avx2 avx512)
    foreach(knobs IN LISTS column_tiles_${isa})
        foreach(stage IN ITEMS 0 1)
            convwright_add_kernel(conv2d ISA ${isa} FORMAT nchw SCHEDULE lane:1,${knobs},stage:${stage})
        endforeach()
    endforeach()
    foreach(knobs IN LISTS strided_tiles_${isa})
        convwright_add_kernel(conv2d ISA ${isa} FORMAT nchw SCHEDULE lane:1,${knobs},stage:2)
        convwright_add_kernel(conv2d ISA ${isa} FORMAT nchw
            SCHEDULE lane:1,${knobs},stage:1,strided_out:1)
    endforeach()
    # Depthwise: all taps of a row on one vector of columns, from the frame of one plane in L1.
    foreach(stride IN ITEMS 1 2)
        convwright_add_kernel(conv2d ISA ${isa} FORMAT nchw
            SCHEDULE lane:1,vec:1,tile:1,stage:1,taps_x:3,taps_y:3,stride:${stride})
        foreach(taps IN ITEMS 5 7)
            convwright_add_kernel(conv2d ISA ${isa} FORMAT nchw
                SCHEDULE lane:1,vec:1,tile:1,stage:1,taps_x:${taps},stride:${stride})
        endforeach()
    endforeach()
    # Rows of 7 would leave more than half of 16 column lanes idle: lanes of channels, turned over.
    foreach(knobs IN LISTS turned_tiles_${isa})
        convwright_add_kernel(conv2d ISA ${isa} FORMAT nchw SCHEDULE lane:0,${knobs},stage:1)
    endforeach()
endforeach()

# Tiles of input channels; contiguous tensors with few of them fill the registers with taps.
set(wgrad_tiles_avx512
    lane:0,vec:2,tile:14 lane:0,vec:2,tile:8 lane:0,vec:4,tile:6 lane:0,vec:2,tile:4
    lane:0,vec:2,tile:1 lane:0,vec:1,tile:16 lane:0,vec:1,tile:8
    lane:0,vec:1,tile:1 lane:2,vec:1,tile:1)
set(wgrad_nchw_tiles_avx512
    lane:0,vec:1,tile:1,taps_x:3,taps_y:3 lane:0,vec:2,tile:1,taps_x:3,taps_y:3
    lane:0,vec:2,tile:3,taps_x:3 lane:0,vec:1,tile:1,taps_x:5,taps_y:5
    lane:0,vec:1,tile:4,taps_x:5 lane:0,vec:2,tile:1,taps_x:7)
set(wgrad_tiles_avx2
    lane:0,vec:2,tile:6 lane:0,vec:2,tile:4 lane:0,vec:2,tile:1 lane:0,vec:1,tile:8
    lane:0,vec:1,tile:1 lane:2,vec:1,tile:1)
set(wgrad_nchw_tiles_avx2
    lane:0,vec:1,tile:1,taps_x:3,taps_y:3 lane:0,vec:1,tile:3,taps_x:3 lane:0,vec:2,tile:1,taps_x:5
    lane:0,vec:1,tile:1,taps_x:7)
# Few input channels: the taps and channels of a row are one axis. The gradient is read in place (stage
# 4) where there is a vector of its channels.
set(wgrad_folded_avx512 vec:1,taps_x:3,taps_y:3 vec:1,taps_x:9,taps_y:3 vec:1,taps_x:5,taps_y:5
                        vec:1,taps_x:30 vec:2,taps_x:9 vec:2,taps_x:12)
set(wgrad_folded_avx2 vec:1,taps_x:3,taps_y:3 vec:1,taps_x:5 vec:1,taps_x:12)
foreach(isa IN ITEMS avx2 avx512)
    foreach(knobs IN LISTS wgrad_folded_${isa})
        foreach(stage IN ITEMS 4 5)
            convwright_add_kernel(conv2d_wgrad ISA ${isa} FORMAT nhwc
                SCHEDULE lane:0,tile:1,stage:${stage},${knobs})
        endforeach()
    endforeach()
endforeach()
# 1 x 1 in place: copies of both operands took half of its time.
set(wgrad_direct_avx512 vec:4,tile:4 vec:2,tile:8 vec:1,tile:16 vec:1,tile:8 vec:1,tile:1)
set(wgrad_direct_avx2 vec:2,tile:4 vec:1,tile:8)
foreach(isa IN ITEMS avx2 avx512)
    foreach(knobs IN LISTS wgrad_direct_${isa})
        convwright_add_kernel(conv2d_wgrad ISA ${isa} FORMAT nhwc SCHEDULE lane:0,stage:0,${knobs})
    endforeach()
    foreach(format IN ITEMS nhwc nchw)
        foreach(knobs IN LISTS wgrad_tiles_${isa})
            convwright_add_kernel(conv2d_wgrad ISA ${isa} FORMAT ${format} SCHEDULE ${knobs})
        endforeach()
    endforeach()
    foreach(knobs IN LISTS wgrad_nchw_tiles_${isa})
        convwright_add_kernel(conv2d_wgrad ISA ${isa} FORMAT nchw SCHEDULE ${knobs})
    endforeach()
endforeach()

# Depthwise wgrad in place: the taps of a row in registers, and channels until they are full.
set(depthwise_wgrad_avx512
    vec:4,taps_x:3,unroll:2 vec:3,taps_x:3,unroll:4 vec:2,taps_x:3,unroll:4 vec:1,taps_x:3,unroll:4
    vec:4,taps_x:5,unroll:2 vec:2,taps_x:5,unroll:4 vec:1,taps_x:5,unroll:4
    vec:3,taps_x:7,unroll:2 vec:2,taps_x:7,unroll:4 vec:1,taps_x:7,unroll:4)
set(depthwise_wgrad_any_avx512 vec:4,taps_x:4,unroll:2 vec:1,taps_x:4,unroll:4)
set(depthwise_wgrad_avx2
    vec:3,taps_x:3,unroll:2 vec:2,taps_x:3,unroll:2
    vec:1,taps_x:3,unroll:4 vec:2,taps_x:5,unroll:2 vec:1,taps_x:5,unroll:4
    vec:1,taps_x:7,unroll:4)
set(depthwise_wgrad_any_avx2 vec:2,taps_x:4,unroll:2 vec:1,taps_x:4,unroll:4)
foreach(isa IN ITEMS avx2 avx512)
    foreach(dtype IN ITEMS f32 bf16)
        set(row conv2d_wgrad ISA ${isa} FORMAT nhwc DTYPE ${dtype} SCHEDULE)
        foreach(knobs IN LISTS depthwise_wgrad_${isa})
            foreach(stride IN ITEMS 1 2)
                convwright_add_kernel(${row} lane:2,tile:1,stage:3,stride:${stride},${knobs})
            endforeach()
        endforeach()
        foreach(knobs IN LISTS depthwise_wgrad_any_${isa})
            convwright_add_kernel(${row} lane:2,tile:1,stage:3,${knobs})
        endforeach()
    endforeach()
endforeach()

# The fused weighted sum. 3 x 3 has its taps compiled in, everything else shares one kernel.
set(mixing_tiles_avx512 vec:2,tile:8 vec:2,tile:7 vec:1,tile:14)
set(mixing_tiles_avx2 vec:2,tile:4)
foreach(isa IN ITEMS avx2 avx512)
    foreach(dtype IN ITEMS f32 bf16)
        foreach(mixing IN LISTS mixing_tiles_${isa})
            if(dtype STREQUAL bf16 AND mixing STREQUAL "vec:2,tile:7")
                continue()
            endif()
            foreach(window IN ITEMS taps_x:3,taps_y:3,stride:1 taps_x:3,taps_y:3,stride:2 taps_x:0)
                convwright_add_kernel(weighted_sum ISA ${isa} FORMAT nhwc DTYPE ${dtype}
                    SCHEDULE ${mixing},out_tile:4,${window})
            endforeach()
        endforeach()
    endforeach()
endforeach()

# Grouped convolution of bfloat16: what is staged is converted on the way. A smaller ladder of tiles.
set(bf16_channel_tiles_avx512 vec:2,tile:8 vec:2,tile:1 vec:1,tile:7 vec:1,tile:1)
set(bf16_channel_tiles_avx2 vec:2,tile:6 vec:2,tile:1 vec:1,tile:7 vec:1,tile:1)
set(bf16_column_tiles vec:1,tile:8 vec:1,tile:1)
set(bf16_wgrad_tiles vec:2,tile:4 vec:1,tile:8 vec:1,tile:1)
foreach(isa IN ITEMS avx2 avx512)
    foreach(knobs IN LISTS bf16_channel_tiles_${isa})
        convwright_add_kernel(conv2d ISA ${isa} FORMAT nhwc DTYPE bf16 SCHEDULE lane:0,${knobs},stage:1)
    endforeach()
    foreach(knobs IN LISTS bf16_column_tiles)
        foreach(stage IN ITEMS stage:1 stage:2 stage:1,strided_out:1)
            convwright_add_kernel(conv2d ISA ${isa} FORMAT nchw DTYPE bf16
                SCHEDULE lane:1,${knobs},${stage})
        endforeach()
    endforeach()
    convwright_add_kernel(conv2d ISA ${isa} FORMAT nchw DTYPE bf16 SCHEDULE lane:0,vec:1,tile:8,stage:1)
    foreach(format IN ITEMS nhwc nchw)
        foreach(knobs IN LISTS bf16_wgrad_tiles)
            convwright_add_kernel(conv2d_wgrad ISA ${isa} FORMAT ${format} DTYPE bf16
                SCHEDULE lane:0,${knobs})
        endforeach()
        convwright_add_kernel(conv2d_wgrad ISA ${isa} FORMAT ${format} DTYPE bf16
            SCHEDULE lane:2,vec:1,tile:1)
    endforeach()
endforeach()

# Approximate products, for tensors of any strides: the fast forms in a few register tiles, where most of
# their work is, those from bits in one.
set(product_tiles_avx512 vec:2,tile:7 vec:1,tile:8)
set(product_tiles_avx2 vec:1,tile:4)
foreach(isa IN ITEMS avx2 avx512)
    foreach(product IN ITEMS mitchell mitchell_zeros mbm mbm_zeros roba)
        foreach(tile IN LISTS product_tiles_${isa})
            convwright_add_kernel(approx_conv2d ISA ${isa} PRODUCT ${product}
                SCHEDULE lane:0,${tile},stage:1)
        endforeach()
    endforeach()
    foreach(product IN ITEMS log_bits lmul_bits realm_bits roba_bits ax_fpm_bits mantissa_table
            rounded)
        convwright_add_kernel(approx_conv2d ISA ${isa} PRODUCT ${product}
            SCHEDULE lane:0,vec:1,tile:4,stage:1)
    endforeach()
endforeach()
