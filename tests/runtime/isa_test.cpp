// SPDX-License-Identifier: Apache-2.0
#include "runtime/isa.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/child_process.h"

namespace convwright {
namespace {

/// Output of list_kernels in an environment that `env` changes.
std::string list_kernels(const std::string &env) {
    const ChildResult child = run_child(
        "env " + env + " " CONVWRIGHT_LIST_KERNELS " fprop_n1ci3ih9iw9co5kh3kw3s1p1_f32_nhwc");
    EXPECT_EQ(child.status, 0) << child.output;
    return child.output;
}

std::string first_line(const std::string &text) { return text.substr(0, text.find('\n')); }

TEST(Isa, TheEnvironmentLowersTheLevel) {
    EXPECT_EQ(list_kernels("CONVWRIGHT_ISA=none"),
              "none\nno kernel of this library accepts the problem on this CPU\n");
    if (host_isa() < Isa::kAvx2) GTEST_SKIP() << "This CPU has no AVX2 with FMA.";
    const std::string avx2 = list_kernels("CONVWRIGHT_ISA=avx2");
    EXPECT_EQ(first_line(avx2), "avx2");
    EXPECT_NE(avx2.find("conv2d_nhwc_avx2_"), std::string::npos) << avx2;
    EXPECT_EQ(avx2.find("avx512"), std::string::npos) << avx2;
}

TEST(Isa, TheEnvironmentNeverRaisesTheLevel) {
    const std::string host = first_line(list_kernels("-u CONVWRIGHT_ISA"));
    for (const char *cap : {"avx512", ""}) {
        EXPECT_EQ(first_line(list_kernels(std::string("CONVWRIGHT_ISA=") + cap)), host);
    }
}

TEST(Isa, AWrongValueIsNamedWithThoseThatAreAccepted) {
    const ChildResult child = run_child("env CONVWRIGHT_ISA=avx1024 " CONVWRIGHT_LIST_KERNELS
                                        " fprop_n1ci3ih9iw9co5kh3kw3s1p1_f32_nhwc");
    EXPECT_EQ(child.status, 1);
    EXPECT_EQ(child.output, "CONVWRIGHT_ISA is 'avx1024'; accepted are none, avx2 and avx512.\n");
}

}  // namespace
}  // namespace convwright
