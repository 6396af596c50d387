# SPDX-License-Identifier: Apache-2.0
# convwright_emulated_kernels(<target> <table>...): the texts of tables of CUDA kernels as C++ for the
# emulator; a program that links it has them for the emulated driver.
function(convwright_emulated_kernels target)
    set(sources)
    foreach(table IN LISTS ARGN)
        get_property(images GLOBAL PROPERTY CONVWRIGHT_CUDA_IMAGES_${table})
        foreach(image IN LISTS images)
            cmake_path(REPLACE_EXTENSION image LAST_ONLY cu OUTPUT_VARIABLE text)
            cmake_path(GET image STEM LAST_ONLY symbol)
            set(source "${CMAKE_CURRENT_BINARY_DIR}/emulated/${table}/${symbol}.cpp")
            file(CONFIGURE OUTPUT "${source}" CONTENT "#include \"tests/runtime/cuda/emulated_text.h\"\n#include \"${text}\"\n" @ONLY)
            # g++ gives up on tracking a thousand unrolled fmaf; lets that passes leave unused cost nothing. -O2 takes
            # 3.5 times as long as -O1: 20 s for a matrix product in three stages.
            set_source_files_properties("${source}" PROPERTIES OBJECT_DEPENDS "${text}"
                COMPILE_OPTIONS "-O1;-fno-var-tracking-assignments;-Wno-unused-variable")
            list(APPEND sources "${source}")
        endforeach()
    endforeach()
    add_library(${target} OBJECT ${sources})
    target_link_libraries(${target} PUBLIC convwright_emulator)
endfunction()
