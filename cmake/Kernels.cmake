# SPDX-License-Identifier: Apache-2.0
# From a table of kernels to object files, rows of the registry and one library.

set(CONVWRIGHT_TARGET_avx2 x86-64-linux-avx-avx2-fma-sse41)
set(CONVWRIGHT_TARGET_avx512 ${CONVWRIGHT_TARGET_avx2}-avx512-avx512_skylake)
# Kernels carry no runtime of their own; user_context hands errors and loops to the caller's hooks.
set(CONVWRIGHT_KERNEL_FEATURES no_runtime-user_context${CONVWRIGHT_SANITIZER_FEATURES})
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
    if(NOT arg_PROBLEM)
        # By what makes them the same (TunedTables.cmake).
        set(product -)
        if(arg_PRODUCT)
            set(product ${arg_PRODUCT})
        endif()
        set_property(GLOBAL APPEND PROPERTY CONVWRIGHT_KERNELS_${table}
            "${generator} ${arg_ISA} ${format} ${dtype} ${product} ${arg_SCHEDULE}")
    endif()
    set_property(GLOBAL APPEND_STRING PROPERTY CONVWRIGHT_ROWS_${table}
        "CONVWRIGHT_KERNEL(${generator}, ${symbol}, ${format}, ${arg_ISA}, ${dtype}, \"${arg_PRODUCT}\", \"${arg_SCHEDULE}\", \"${arg_PROBLEM}\", ${phase})\n")
endfunction()

# convwright_kernel_library(<target> <table>...): all kernels of the tables so far as a static library;
# its include folder holds <table>/kernel_rows.inc. To be called in the folder that fills the tables.
function(convwright_kernel_library target)
    set(all_objects)
    foreach(table IN LISTS ARGN)
        get_property(objects GLOBAL PROPERTY CONVWRIGHT_OBJECTS_${table})
        get_property(rows GLOBAL PROPERTY CONVWRIGHT_ROWS_${table})
        file(CONFIGURE OUTPUT "${CONVWRIGHT_KERNEL_DIR}/${table}/kernel_rows.inc" CONTENT "${rows}" @ONLY)
        list(APPEND all_objects ${objects})
    endforeach()
    convwright_object_library(${target} ${all_objects})
    target_include_directories(${target} INTERFACE "${CONVWRIGHT_KERNEL_DIR}")
endfunction()

# Host code of CUDA kernels computes arguments and launches: any CPU will do. The capability lets Halide
# take schedules that older GPUs could not run; it makes no code.
set(CONVWRIGHT_CUDA_HOST_TARGET
    x86-64-linux-sse41-cuda-cuda_capability_86-no_runtime-user_context)

# convwright_add_cuda_kernel(<generator> [FORMAT <nhwc|nchw>] [DTYPE <f32|bf16|f16>] [PRODUCT <name>]
#                            [SCHEDULE <knobs>] [INDEX <32|64>] [OLDEST <architecture>] [SPILL_ALLOWANCE <bytes>]
#                            [TABLE <table>] [PROGRAM <program>])
#
# One row of a table (the shipped one unless told): host object, CUDA C++ and images from the Generator
# <generator> of the program convwright_cuda_generators, or of PROGRAM, by default
# convwright_cuda_product_generators where there is a PRODUCT. INDEX 64 makes a kernel for
# tensors with more elements than 32 bits count. The build fails if a kernel spills more than
# SPILL_ALLOWANCE bytes per thread, 0 unless told, on one of CONVWRIGHT_CUDA_ARCHITECTURES; those before
# OLDEST are left out.
function(convwright_add_cuda_kernel generator)
    cmake_parse_arguments(PARSE_ARGV 1 arg ""
        "FORMAT;DTYPE;PRODUCT;SCHEDULE;INDEX;OLDEST;SPILL_ALLOWANCE;TABLE;PROGRAM" "")
    if(arg_UNPARSED_ARGUMENTS OR NOT "${arg_INDEX}" MATCHES "^(32|64)?$")
        message(FATAL_ERROR "convwright_add_cuda_kernel(${ARGV}): expected FORMAT, DTYPE, PRODUCT, SCHEDULE, "
                            "INDEX 32 or 64, OLDEST, SPILL_ALLOWANCE, TABLE, PROGRAM.")
    endif()
    set(table shipped)
    set(program convwright_cuda_generators)
    if(arg_PRODUCT)
        set(program convwright_cuda_product_generators)
    endif()
    set(format any)
    set(dtype f32)
    set(index 32)
    set(oldest 0)
    set(spill_allowance 0)
    foreach(name IN ITEMS TABLE PROGRAM FORMAT DTYPE INDEX OLDEST SPILL_ALLOWANCE)
        if(DEFINED arg_${name})
            string(TOLOWER ${name} variable)
            set(${variable} "${arg_${name}}")
        endif()
    endforeach()
    set(params)
    if(arg_FORMAT)
        list(APPEND params "format=${format}")
    endif()
    if(arg_SCHEDULE)
        list(APPEND params "schedule=${arg_SCHEDULE}")
    endif()
    if(arg_PRODUCT)
        list(APPEND params "product=${arg_PRODUCT}")
    endif()
    set(typed)  # in names only where it is not float32
    if(NOT dtype STREQUAL f32)
        set(typed ${dtype})
        list(APPEND params "dtype=${dtype}")
    endif()
    set(target ${CONVWRIGHT_CUDA_HOST_TARGET})
    set(wide)
    if(index EQUAL 64)
        set(wide index64)
        string(APPEND target -large_buffers)
    endif()
    set(cuda)  # in the place of a CPU kernel's ISA
    if(NOT generator MATCHES cuda)
        set(cuda cuda)
    endif()
    string(REGEX REPLACE "[:,]" "_" knobs "${arg_SCHEDULE}")
    string(JOIN _ symbol ${generator} ${arg_PRODUCT} ${arg_FORMAT} ${typed} ${cuda} ${wide} ${knobs})

    set(folder "${CONVWRIGHT_KERNEL_DIR}/${table}")
    set(text "${folder}/${symbol}.cu")
    set(images "${folder}/${symbol}.images")
    add_custom_command(
        OUTPUT "${folder}/${symbol}.o" "${text}"
        COMMAND ${program} -g ${generator} -f ${symbol} -n ${symbol} -e object -o "${folder}"
            target=${target} "cuda=${text}" ${params}
        DEPENDS ${program}
        COMMENT "CUDA kernel ${symbol}"
        VERBATIM)
    set(architectures)
    foreach(architecture IN LISTS CONVWRIGHT_CUDA_ARCHITECTURES)
        if(architecture GREATER_EQUAL oldest)
            list(APPEND architectures ${architecture})
        endif()
    endforeach()
    string(JOIN , architectures ${architectures})
    add_custom_command(
        OUTPUT "${images}"
        COMMAND convwright_compile_cuda --text "${text}" --output "${images}"
            --architectures "${architectures}" --spill-allowance ${spill_allowance}
            ${CONVWRIGHT_NVRTC_ARGUMENTS}
        DEPENDS "${text}" convwright_compile_cuda ${CONVWRIGHT_NVRTC_FILE}
        COMMENT "CUDA images ${symbol}"
        VERBATIM)
    set_property(GLOBAL APPEND PROPERTY CONVWRIGHT_CUDA_OBJECTS_${table} "${folder}/${symbol}.o")
    set_property(GLOBAL APPEND PROPERTY CONVWRIGHT_CUDA_IMAGES_${table} "${images}")
    if(index EQUAL 32)
        # As CPU kernels (TunedTables.cmake), by the tuner's names of generators.
        string(REGEX REPLACE "_(direct|gemm|depthwise|cuda)$" "" algorithm "${generator}")
        set(product -)
        if(arg_PRODUCT)
            set(algorithm "${generator}")
            set(product ${arg_PRODUCT})
        endif()
        set_property(GLOBAL APPEND PROPERTY CONVWRIGHT_KERNELS_${table}
            "${algorithm} cuda ${format} ${dtype} ${product} ${arg_SCHEDULE}")
    endif()
    set_property(GLOBAL APPEND_STRING PROPERTY CONVWRIGHT_CUDA_ROWS_${table}
        "CONVWRIGHT_CUDA_KERNEL(${generator}, ${symbol}, ${format}, ${dtype}, \"${arg_SCHEDULE}\", ${index}, \"${arg_PRODUCT}\")\n")
endfunction()

# convwright_cuda_kernel_library(<target> <table>...): all CUDA kernels of the tables so far, with their
# images, as a static library; its include folder holds <table>/cuda_rows.inc. To be called in the folder
# that fills the tables. The images of a kernel lie between convwright_images_<symbol> and
# convwright_images_end_<symbol>.
function(convwright_cuda_kernel_library target)
    set(all_objects)
    set(all_images)
    foreach(table IN LISTS ARGN)
        get_property(objects GLOBAL PROPERTY CONVWRIGHT_CUDA_OBJECTS_${table})
        get_property(images GLOBAL PROPERTY CONVWRIGHT_CUDA_IMAGES_${table})
        get_property(rows GLOBAL PROPERTY CONVWRIGHT_CUDA_ROWS_${table})
        file(CONFIGURE OUTPUT "${CONVWRIGHT_KERNEL_DIR}/${table}/cuda_rows.inc" CONTENT "${rows}" @ONLY)
        list(APPEND all_objects ${objects})
        list(APPEND all_images ${images})
    endforeach()
    set(embed)
    foreach(file IN LISTS all_images)
        cmake_path(GET file STEM LAST_ONLY symbol)
        string(APPEND embed "EMBED(${symbol}, \"${file}\")\n")
    endforeach()
    list(GET ARGN 0 first)
    set(source "${CONVWRIGHT_KERNEL_DIR}/${first}/cuda_images.cpp")
    configure_file("${CMAKE_CURRENT_FUNCTION_LIST_DIR}/embed_images.cpp.in" "${source}" @ONLY)
    set_source_files_properties("${source}" PROPERTIES OBJECT_DEPENDS "${all_images}")
    convwright_object_library(${target} ${all_objects})
    target_sources(${target} PRIVATE "${source}")
    target_link_libraries(${target} PRIVATE convwright_options)
    # ccache knows the source alone, not the files that the assembler reads.
    set_target_properties(${target} PROPERTIES CXX_COMPILER_LAUNCHER "")
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
