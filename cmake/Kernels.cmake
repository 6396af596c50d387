# SPDX-License-Identifier: Apache-2.0
# From a table of kernels to object files, rows of the registry and one library.

set(CONVWRIGHT_TARGET_avx2 x86-64-linux-avx-avx2-fma-sse41)
set(CONVWRIGHT_TARGET_avx512 ${CONVWRIGHT_TARGET_avx2}-avx512-avx512_skylake)
# Kernels carry no runtime of their own; user_context hands errors and loops to the caller's hooks.
set(CONVWRIGHT_KERNEL_FEATURES no_runtime-user_context)
if(CONVWRIGHT_SANITIZE)
    string(APPEND CONVWRIGHT_KERNEL_FEATURES -asan)
endif()
# Objects and rows of a table lie in a folder of its name.
set(CONVWRIGHT_KERNEL_DIR "${CMAKE_BINARY_DIR}/kernels")

# convwright_add_kernel(<generator> ISA <avx2|avx512> [FORMAT <nhwc|nchw>] [DTYPE <f32|bf16>]
#                       [PRODUCT <name>] [SCHEDULE <knobs>]
#                       [PROBLEM <problem string> [PHASE <pass>]] [TABLE <table>])
#
# One row of a table (the shipped one unless told): one object file from the Generator <generator> of
# the program convwright_generators, and one row of the registry. PROBLEM makes a kernel for that
# problem alone, PRODUCT one of approx_conv2d, by the program convwright_product_generators.
function(convwright_add_kernel generator)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "ISA;FORMAT;DTYPE;PRODUCT;SCHEDULE;PROBLEM;PHASE;TABLE" "")
    if(NOT DEFINED CONVWRIGHT_TARGET_${arg_ISA} OR arg_UNPARSED_ARGUMENTS)
        message(FATAL_ERROR "convwright_add_kernel(${ARGV}): expected ISA avx2 or avx512 and "
                            "FORMAT, DTYPE, PRODUCT, SCHEDULE, PROBLEM, PHASE, TABLE.")
    endif()
    set(table shipped)
    if(arg_TABLE)
        set(table ${arg_TABLE})
    endif()
    set(params)
    set(format nhwc)
    if(arg_FORMAT)
        set(format ${arg_FORMAT})
        list(APPEND params "format=${format}" "schedule=${arg_SCHEDULE}")
    endif()
    set(dtype f32)
    set(typed)  # in names only where it is not float32
    if(arg_DTYPE AND NOT arg_DTYPE STREQUAL f32)
        set(dtype ${arg_DTYPE})
        set(typed ${dtype})
        list(APPEND params "dtype=${dtype}")
    endif()
    set(program convwright_generators)
    if(arg_PRODUCT)
        set(program convwright_product_generators)
        list(APPEND params "product=${arg_PRODUCT}" "schedule=${arg_SCHEDULE}")
    endif()
    set(phase 0)
    if(arg_PROBLEM)
        list(APPEND params "problem=${arg_PROBLEM}")
        if(arg_PHASE)
            set(phase ${arg_PHASE})
            list(APPEND params "phase=${phase}")
        endif()
    endif()
    string(REGEX REPLACE "[:,]" "_" knobs "${arg_SCHEDULE}")
    string(JOIN _ symbol ${generator} ${arg_PRODUCT} ${arg_FORMAT} ${typed} ${arg_ISA} ${knobs} ${arg_PROBLEM} ${arg_PHASE})

    set(folder "${CONVWRIGHT_KERNEL_DIR}/${table}")
    set(object "${folder}/${symbol}.o")
    add_custom_command(
        OUTPUT "${object}"
        COMMAND ${program} -g ${generator} -f ${symbol} -n ${symbol} -e object
            -o "${folder}"
            target=${CONVWRIGHT_TARGET_${arg_ISA}}-${CONVWRIGHT_KERNEL_FEATURES} ${params}
        DEPENDS ${program}
        COMMENT "Kernel ${symbol}"
        VERBATIM)
    set_property(GLOBAL APPEND PROPERTY CONVWRIGHT_OBJECTS_${table} "${object}")
    set_property(GLOBAL APPEND_STRING PROPERTY CONVWRIGHT_ROWS_${table}
        "CONVWRIGHT_KERNEL(${generator}, ${symbol}, ${format}, ${arg_ISA}, ${dtype}, \"${arg_PRODUCT}\", \"${arg_SCHEDULE}\", \"${arg_PROBLEM}\", ${phase})\n")
endfunction()

# convwright_kernel_library(<target> <table>): all kernels of the table so far as a static library;
# its include folder holds <table>/kernel_rows.inc. To be called in the folder that fills the table.
function(convwright_kernel_library target table)
    get_property(objects GLOBAL PROPERTY CONVWRIGHT_OBJECTS_${table})
    get_property(rows GLOBAL PROPERTY CONVWRIGHT_ROWS_${table})
    file(CONFIGURE OUTPUT "${CONVWRIGHT_KERNEL_DIR}/${table}/kernel_rows.inc" CONTENT "${rows}" @ONLY)
    convwright_object_library(${target} ${objects})
    target_include_directories(${target} INTERFACE "${CONVWRIGHT_KERNEL_DIR}")
endfunction()

# convwright_halide_runtime(<target>): the one Halide runtime of a program or library, for all its
# kernels.
function(convwright_halide_runtime target)
    set(object "${CONVWRIGHT_KERNEL_DIR}/halide_runtime.o")
    file(MAKE_DIRECTORY "${CONVWRIGHT_KERNEL_DIR}")
    add_custom_command(
        OUTPUT "${object}"
        COMMAND convwright_generators -r halide_runtime -e object -o "${CONVWRIGHT_KERNEL_DIR}"
            target=x86-64-linux
        DEPENDS convwright_generators
        COMMENT "Halide runtime"
        VERBATIM)
    convwright_object_library(${target} "${object}")
endfunction()

# A static library of object files that custom commands make.
function(convwright_object_library target)
    add_library(${target} STATIC ${ARGN})
    set_source_files_properties(${ARGN} PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
    set_target_properties(${target} PROPERTIES LINKER_LANGUAGE CXX)
endfunction()
