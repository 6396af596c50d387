# SPDX-License-Identifier: Apache-2.0
# From test sources to CTest entries with labels: unit, kernel, slow, perf, gpu. The presets leave
# out the last three.

include(GoogleTest)

find_package(GTest)
if(NOT GTest_FOUND)
    message(FATAL_ERROR
        "GoogleTest was not found; install the Debian package libgtest-dev, or configure with "
        "-DCONVWRIGHT_TESTS=OFF.")
endif()

# convwright_add_test(<name> LABELS <label>... SOURCES <file>... [LIBRARIES <target>...])
#
# One program <name>_test; each of its GoogleTest cases becomes a CTest case `<name>.<case>`. The
# cases are listed when CTest runs, not in the build: a kernel that crashes fails a test then.
function(convwright_add_test name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "LABELS;SOURCES;LIBRARIES")
    if(NOT arg_LABELS OR NOT arg_SOURCES OR arg_UNPARSED_ARGUMENTS)
        message(FATAL_ERROR "convwright_add_test(${ARGV}): expected LABELS, SOURCES and perhaps "
                            "LIBRARIES.")
    endif()
    add_executable(${name}_test ${arg_SOURCES})
    target_link_libraries(${name}_test PRIVATE ${arg_LIBRARIES} GTest::gtest_main)
    gtest_discover_tests(${name}_test TEST_PREFIX "${name}." DISCOVERY_MODE PRE_TEST NO_PRETTY_VALUES
        PROPERTIES LABELS "${arg_LABELS}")
endfunction()
