# SPDX-License-Identifier: Apache-2.0
# cmake -DDEVICE=<codegen/device> -DOUTPUT=<file> -P embed_device.cmake: the files that device.h
# includes, in an order in which each stands behind those that it includes, as C++ strings.

cmake_minimum_required(VERSION 3.28)
set(files integers vectors arithmetic dot_products float_types cp_async shared_memory ldmatrix mma)

# A file that is missing here would be missing in every text.
file(STRINGS "${DEVICE}/device.h" included REGEX "^#include \"codegen/device/")
foreach(line IN LISTS included)
    string(REGEX REPLACE ".*/([a-z_]+)[.]h\"" "\\1" name "${line}")
    if(NOT name IN_LIST files)
        message(FATAL_ERROR "embed_device.cmake: ${name}.h of device.h is not in the list of files.")
    endif()
endforeach()

set(text "#ifndef CONVWRIGHT_PRELUDE\n#define CONVWRIGHT_PRELUDE\n#if defined(__CUDACC__)\n")
set(parts "R\"cuda(${text})cuda\"\n")
foreach(name IN LISTS files)
    file(READ "${DEVICE}/${name}.h" text)
    string(REGEX REPLACE "(// SPDX[^\n]*|#pragma once|#include \"codegen/[^\n]*)\n" "" text "${text}")
    string(APPEND parts "R\"cuda(// ${name}.h\n${text})cuda\"\n")
endforeach()
set(text "#else\n#include \"codegen/device/device.h\"\n#endif\nusing namespace convwright::device;\n#endif\n")
string(APPEND parts "R\"cuda(${text})cuda\"\n")
file(WRITE "${OUTPUT}" "${parts}")
