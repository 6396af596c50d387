# SPDX-License-Identifier: Apache-2.0
# Halide and PyTorch come from PyPI packages of one Python; each missing piece is one sentence.

find_package(Python 3.10 COMPONENTS Interpreter OPTIONAL_COMPONENTS Development.Module)
if(NOT Python_FOUND)
    message(FATAL_ERROR
        "No Python 3.10 or newer was found; run `make` once to set up .venv, or pass "
        "-DPython_EXECUTABLE=<a Python that has torch and halide>.")
endif()

# Sets <variable> to the folder of an importable package, without importing it.
function(convwright_python_package variable package requirement)
    execute_process(
        COMMAND "${Python_EXECUTABLE}" -c
            "import importlib.util as u; s = u.find_spec('${package}'); print(next(iter(s.submodule_search_locations)) if s else '')"
        OUTPUT_VARIABLE folder OUTPUT_STRIP_TRAILING_WHITESPACE)
    if(folder STREQUAL "")
        message(FATAL_ERROR
            "${Python_EXECUTABLE} has no package '${package}'; install it with "
            "`${Python_EXECUTABLE} -m pip install ${requirement}`, or run `make` once.")
    endif()
    set(${variable} "${folder}" PARENT_SCOPE)
endfunction()

convwright_python_package(CONVWRIGHT_HALIDE_DIR halide halide==21.0.0)
convwright_python_package(CONVWRIGHT_TORCH_DIR torch torch==2.11.0)

# The package inside the wheel, not the one beside it in share/cmake: that one looks for Halide in the
# Python's own folder, where it is not when pip builds in an isolated environment.
set(HalideHelpers_DIR "${CONVWRIGHT_HALIDE_DIR}/lib64/cmake/HalideHelpers")
find_package(Halide 21 CONFIG REQUIRED
    PATHS "${CONVWRIGHT_HALIDE_DIR}/lib64/cmake/Halide" NO_DEFAULT_PATH)

# The stable ABI needs headers and one library. find_package(Torch) would ask for a CUDA toolkit.
find_library(CONVWRIGHT_TORCH_CPU torch_cpu HINTS "${CONVWRIGHT_TORCH_DIR}/lib" NO_DEFAULT_PATH)
if(NOT CONVWRIGHT_TORCH_CPU)
    message(FATAL_ERROR
        "${CONVWRIGHT_TORCH_DIR} has no lib/libtorch_cpu.so; install torch 2.11.0 from PyPI again.")
endif()
add_library(convwright_torch INTERFACE)
target_include_directories(convwright_torch SYSTEM INTERFACE "${CONVWRIGHT_TORCH_DIR}/include")
# Stable ABI of torch 2.11: the library runs with that version and every later one.
target_compile_definitions(convwright_torch INTERFACE TORCH_TARGET_VERSION=0x020b000000000000)
target_link_libraries(convwright_torch INTERFACE "${CONVWRIGHT_TORCH_CPU}")

# The tuner's database and its texts.
if(CONVWRIGHT_TUNER)
    # The static one where there is one: a wheel's tuner also runs where no SQLite is installed.
    find_library(SQLite3_LIBRARY NAMES libsqlite3.a sqlite3)
    find_package(SQLite3 3.37)
    find_package(nlohmann_json 3.9 CONFIG)
    if(NOT SQLite3_FOUND OR NOT nlohmann_json_FOUND)
        message(FATAL_ERROR
            "SQLite or nlohmann's JSON was not found; install the Debian packages libsqlite3-dev and "
            "nlohmann-json3-dev, or configure with -DCONVWRIGHT_TUNER=OFF.")
    endif()
    if(NOT TARGET SQLite3::SQLite3)  # the name until CMake 4
        add_library(SQLite3::SQLite3 ALIAS SQLite::SQLite3)
    endif()
endif()
