# SPDX-License-Identifier: Apache-2.0
# The shipped library: generic kernels, sizes at run time. Which of them runs is the cost model's
# choice (runtime/cost_model.h); a row earns its place by being the best for some common width.

# Tiles of columns. 2 x 8 accumulators reach 0.9 of the FMA peak with 32 registers, and larger tiles
# (2 x 12, 2 x 14) were no faster: their column pointers spill. 16 registers hold 2 x 6.
set(tiles2_avx512 8 7 6 5 4 2 1)
set(tiles1_avx512 14 8 7 4 1)
set(tiles2_avx2 6 5 4 2 1)
set(tiles1_avx2 12 7 4 1)

foreach(isa IN ITEMS avx2 avx512)
    convwright_add_kernel(pack_weight ISA ${isa})
    convwright_add_kernel(wgrad_reduce ISA ${isa})

    foreach(vec IN ITEMS 2 1)
        # Lanes are output channels; stage 0 reads in place, 1 from a frame of zeros.
        foreach(tile IN LISTS tiles${vec}_${isa})
            foreach(stage IN ITEMS 0 1)
                convwright_add_kernel(conv2d ISA ${isa} FORMAT nhwc
                    SCHEDULE lane:0,vec:${vec},tile:${tile},stage:${stage})
            endforeach()
        endforeach()
    endforeach()

    # Lanes are groups: depthwise. Compiled-in taps keep columns in registers from tap to tap, which
    # was up to 1.2 times faster for 7 x 7 and no faster for 3 x 3, where the copy into the frame dominates.
    foreach(knobs IN ITEMS vec:4,tile:2 vec:2,tile:4 vec:1,tile:4)
        convwright_add_kernel(conv2d ISA ${isa} FORMAT nhwc SCHEDULE lane:2,${knobs},stage:1)
    endforeach()
    foreach(taps IN ITEMS 5 7)
        foreach(stride IN ITEMS 1 2)
            convwright_add_kernel(conv2d ISA ${isa} FORMAT nhwc
                SCHEDULE lane:2,vec:1,tile:8,stage:1,taps:${taps},stride:${stride})
        endforeach()
    endforeach()
endforeach()

# Lanes are columns. Strided columns, read (stage 2) or written (strided_out), get fewer tiles.
set(column_tiles_avx512 vec:2,tile:12 vec:2,tile:8 vec:2,tile:4 vec:2,tile:1
                        vec:1,tile:16 vec:1,tile:8 vec:1,tile:4 vec:1,tile:1)
set(column_tiles_avx2 vec:2,tile:6 vec:2,tile:4 vec:2,tile:1 vec:1,tile:12 vec:1,tile:4 vec:1,tile:1)
set(strided_tiles_avx512 vec:2,tile:8 vec:1,tile:16 vec:1,tile:8 vec:1,tile:1)
set(strided_tiles_avx2 vec:2,tile:6 vec:1,tile:8 vec:1,tile:1)
set(turned_tiles_avx512 vec:2,tile:8 vec:2,tile:7 vec:2,tile:4 vec:1,tile:8)
set(turned_tiles_avx2 vec:2,tile:6 vec:2,tile:4 vec:1,tile:8)
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
    # Rows of 7 would leave more than half of 16 column lanes idle: lanes of channels, turned over.
    foreach(knobs IN LISTS turned_tiles_${isa})
        convwright_add_kernel(conv2d ISA ${isa} FORMAT nchw SCHEDULE lane:0,${knobs},stage:1)
    endforeach()
endforeach()

# Tiles of input channels; the last ones are for few of them, where taps fill the registers.
set(wgrad_tiles_avx512
    lane:0,vec:2,tile:14 lane:0,vec:2,tile:8 lane:0,vec:4,tile:6 lane:0,vec:2,tile:4
    lane:0,vec:2,tile:1 lane:0,vec:1,tile:16 lane:0,vec:1,tile:8 lane:0,vec:1,tile:4
    lane:0,vec:1,tile:1 lane:2,vec:4,tile:1 lane:2,vec:1,tile:1
    lane:0,vec:1,tile:1,taps_x:3,taps_y:3 lane:0,vec:2,tile:1,taps_x:3,taps_y:3
    lane:0,vec:2,tile:3,taps_x:3 lane:0,vec:1,tile:1,taps_x:5,taps_y:5
    lane:0,vec:1,tile:4,taps_x:5 lane:0,vec:2,tile:1,taps_x:7)
set(wgrad_tiles_avx2
    lane:0,vec:2,tile:6 lane:0,vec:2,tile:4 lane:0,vec:2,tile:1 lane:0,vec:1,tile:8
    lane:0,vec:1,tile:1 lane:2,vec:4,tile:1 lane:2,vec:1,tile:1
    lane:0,vec:1,tile:1,taps_x:3,taps_y:3 lane:0,vec:1,tile:3,taps_x:3 lane:0,vec:2,tile:1,taps_x:5
    lane:0,vec:1,tile:1,taps_x:7)
foreach(isa IN ITEMS avx2 avx512)
    foreach(format IN ITEMS nhwc nchw)
        foreach(knobs IN LISTS wgrad_tiles_${isa})
            convwright_add_kernel(conv2d_wgrad ISA ${isa} FORMAT ${format} SCHEDULE ${knobs})
        endforeach()
    endforeach()
endforeach()
