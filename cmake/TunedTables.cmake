# SPDX-License-Identifier: Apache-2.0
# Tables of tuned choices: their kernels become kernels of the library, and their choices answer at run
# time where this user tuned nothing. `convwright-tune export` writes them; autotune/choice_table.h
# says what stands in them and judges every row when the library is built.

set(CONVWRIGHT_TUNED "${CMAKE_CURRENT_SOURCE_DIR}/schedules/tuned" CACHE PATH
    "Tables of tuned choices, or folders of them (*.txt), to build in; empty: none.")

# convwright_find_tables(<variable> <file or folder>...): sets <variable> to the tables.
function(convwright_find_tables variable)
    set(tables)
    foreach(place IN LISTS ARGN)
        if(IS_DIRECTORY "${place}")
            file(GLOB found CONFIGURE_DEPENDS "${place}/*.txt")
            list(APPEND tables ${found})
        elseif(EXISTS "${place}")
            list(APPEND tables "${place}")
        else()
            message(FATAL_ERROR
                "CONVWRIGHT_TUNED: there is no table '${place}'; `convwright-tune export FILE` writes one.")
        endif()
    endforeach()
    set(${variable} "${tables}" PARENT_SCOPE)
endfunction()
convwright_find_tables(CONVWRIGHT_TUNED_TABLES ${CONVWRIGHT_TUNED})

# Sets <variable> to a schedule with all its knobs: those that it leaves out as in <defaults>.
function(convwright_all_knobs variable defaults schedule)
    set(knobs)
    string(REPLACE "," ";" all "${defaults}")
    foreach(knob IN LISTS all)
        string(REGEX REPLACE ":.*" "" name "${knob}")
        if(",${schedule}" MATCHES ",${name}:([^,]*)")
            set(knob "${name}:${CMAKE_MATCH_1}")
        endif()
        list(APPEND knobs "${knob}")
    endforeach()
    string(JOIN "," knobs ${knobs})
    set(${variable} "${knobs}" PARENT_SCOPE)
endfunction()

# convwright_missing_kernels(<variable> <own> <cpu|cuda> <file>...): sets <variable> to the kernels of that
# device that the choices of the files name, each once, but to none that the table <own> has so far, by whatever
# knobs it leaves out: "<generator> <isa or cuda> <format> <dtype> <product or -> <schedule>".
function(convwright_missing_kernels variable own device)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${ARGN})
    get_property(own_kernels GLOBAL PROPERTY CONVWRIGHT_KERNELS_${own})
    set(defaults)  # of every generator: "<generator> <knobs>", of GPUs "<generator>.cuda <knobs>"
    set(wanted)
    foreach(file IN LISTS ARGN)
        file(READ "${file}" text)
        # What is no row of this form is refused when the choices are made.
        string(REGEX MATCHALL "\ndefaults [a-z0-9_.]+ [a-z0-9_:,]+" lines "\n${text}")
        list(APPEND defaults ${lines})
        string(REGEX MATCHALL "\n[a-z0-9_:]+ -?[0-9]+ [a-z0-9_]+\\.[a-z0-9]+/[a-z0-9_:,]+ " rows "\n${text}")
        foreach(row IN LISTS rows)
            string(REGEX MATCH "_(f32|bf16|f16)_(nhwc|nchw)(_bias|)(_relu|)(_([a-z0-9_]+)|) " types "${row}")
            set(dtype "${CMAKE_MATCH_1}")
            set(format "${CMAKE_MATCH_2}")
            set(product -)
            if(CMAKE_MATCH_6)
                set(product "${CMAKE_MATCH_6}")
                set(format nhwc)  # of kernels for any strides
            endif()
            string(REGEX MATCH " ([a-z0-9_]+)\\.([a-z0-9]+)/([a-z0-9_:,]+) $" candidate "${row}")
            set(generator "${CMAKE_MATCH_1}")
            set(isa "${CMAKE_MATCH_2}")
            set(schedule "${CMAKE_MATCH_3}")
            # Of GPUs kernels of a product are made for a format.
            if("${generator} ${isa}" MATCHES "^(approx_gemm|byte_gemm)_(nhwc|nchw) cuda$")
                set(generator "${CMAKE_MATCH_1}")
                set(format "${CMAKE_MATCH_2}")
            endif()
            # One kernel for any number of terms.
            if(generator STREQUAL "byte_gemm")
                string(REGEX REPLACE "x[0-9]+$" "" product "${product}")
            endif()
            set(place cpu)
            if(isa STREQUAL "cuda")
                set(place cuda)
            endif()
            if(types AND candidate AND place STREQUAL device)
                list(APPEND wanted "${generator} ${isa} ${format} ${dtype} ${product} ${schedule}")
            endif()
        endforeach()
    endforeach()
    set(known)
    foreach(kernel IN LISTS own_kernels)
        string(REGEX MATCH "^([^ ]+) ([^ ]+)(.*) ([^ ]*)$" parts "${kernel}")
        set(head "${CMAKE_MATCH_1} ${CMAKE_MATCH_2}${CMAKE_MATCH_3}")
        set(schedule "${CMAKE_MATCH_4}")
        set(generator "${CMAKE_MATCH_1}")
        if(CMAKE_MATCH_2 STREQUAL "cuda")
            string(APPEND generator "[.]cuda")
        endif()
        foreach(line IN LISTS defaults)
            if(line MATCHES "^\ndefaults ${generator} (.*)$")
                convwright_all_knobs(schedule "${CMAKE_MATCH_1}" "${schedule}")
                break()
            endif()
        endforeach()
        list(APPEND known "${head} ${schedule}")
    endforeach()
    list(REMOVE_DUPLICATES wanted)
    if(known)
        list(REMOVE_ITEM wanted ${known})
    endif()
    set(${variable} "${wanted}" PARENT_SCOPE)
endfunction()

# convwright_add_tuned_kernels(<table> <own> <file>...): adds the CPU kernels that the files name and <own>
# lacks to <table>.
function(convwright_add_tuned_kernels table own)
    convwright_missing_kernels(kernels ${own} cpu ${ARGN})
    foreach(kernel IN LISTS kernels)
        string(REPLACE " " ";" parts "${kernel}")
        list(POP_FRONT parts generator isa format dtype product schedule)
        set(made_for FORMAT ${format} DTYPE ${dtype})
        if(NOT product STREQUAL "-")
            set(made_for PRODUCT ${product})
        endif()
        convwright_add_kernel(${generator} TABLE ${table} ISA ${isa} ${made_for} SCHEDULE ${schedule})
    endforeach()
endfunction()

# convwright_add_tuned_cuda_kernels(<table> <own> <file>...): the same of GPUs. What did not spill where it was
# measured may do so on another architecture, by a few registers, and no table should fail a build by that.
function(convwright_add_tuned_cuda_kernels table own)
    convwright_missing_kernels(kernels ${own} cuda ${ARGN})
    foreach(kernel IN LISTS kernels)
        string(REPLACE " " ";" parts "${kernel}")
        list(POP_FRONT parts generator isa format dtype product schedule)
        set(made_for FORMAT ${format} DTYPE ${dtype} SPILL_ALLOWANCE 1024)
        if(generator MATCHES "^weighted_sum")
            string(APPEND generator "_cuda")
            list(APPEND made_for PROGRAM convwright_cuda_weighted_sum_generators)
        elseif(product STREQUAL "-")
            # A Generator for each engine.
            set(engine gemm)
            if(schedule MATCHES "engine:0")
                set(engine direct)
            elseif(schedule MATCHES "engine:2")
                set(engine depthwise)
            endif()
            string(APPEND generator "_${engine}")
        else()
            list(APPEND made_for PRODUCT ${product})
            if(generator STREQUAL "byte_gemm")
                list(APPEND made_for PROGRAM convwright_cuda_byte_generators)
            endif()
        endif()
        if(schedule MATCHES "mma:[12]")
            list(APPEND made_for OLDEST 80)
        endif()
        convwright_add_cuda_kernel(${generator} TABLE ${table} ${made_for} SCHEDULE ${schedule})
    endforeach()
endfunction()

# convwright_choices(<target> <table> <file>...): judges the files and writes their choices to
# <table>/choices.inc in the include folder of kernels. The build fails on a row that is none, that stands
# twice, or whose space of schedules has changed since it was measured.
function(convwright_choices target table)
    set(choices "${CONVWRIGHT_KERNEL_DIR}/${table}/choices.inc")
    add_custom_command(
        OUTPUT "${choices}"
        COMMAND convwright_compile_choices "${choices}" ${ARGN}
        DEPENDS convwright_compile_choices ${ARGN}
        COMMENT "Choices ${table}"
        VERBATIM)
    add_custom_target(${target} DEPENDS "${choices}")
endfunction()
