// SPDX-License-Identifier: Apache-2.0
#include "tests/runtime/edge_problems.h"

namespace convwright {
namespace {

/// `text` is the middle of a problem string, "n1ci3ih4iw5co6kh3kw3s1p1".
ConvProblem problem(const std::string &text) {
    return parse_problem("fprop_" + text + "_f32_nhwc");
}

/// One problem per value; '@' in the text stands for it.
std::vector<ConvProblem> sweep(const std::string &text, const std::vector<int> &values) {
    std::vector<ConvProblem> problems;
    for (const int value : values) {
        std::string filled;
        for (const char c : text) filled += c == '@' ? std::to_string(value) : std::string(1, c);
        problems.push_back(problem(filled));
    }
    return problems;
}

std::vector<ConvProblem> list(const std::vector<std::string> &texts) {
    std::vector<ConvProblem> problems;
    for (const std::string &text : texts) problems.push_back(problem(text));
    return problems;
}

// Tiles hold 1 to 16 columns, or 1 to 2 vectors of 8 or 16 of them.
const std::vector<int> kColumns{1,  2,  3,  4,  5,  6,  7,  8,  9,  11, 12, 13, 14,
                                15, 16, 17, 23, 24, 25, 27, 28, 29, 31, 32, 33};
// Panels hold 1 to 4 vectors of 8 or 16 channels.
const std::vector<int> kChannels{1, 2, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 48, 49, 63, 64, 65};

}  // namespace

const std::vector<ProblemFamily> &edge_families() {
    static const std::vector<ProblemFamily> families{
        {"columns_3x3_padded", sweep("n2ci5ih3iw@co9kh3kw3s1p1", kColumns)},
        {"columns_1x1", sweep("n1ci3ih2iw@co9kh1kw1s1p0", kColumns)},
        {"columns_3x1_inside", sweep("n1ci2ih3iw@co17kh3kw1s1p0", kColumns)},
        {"columns_strided", sweep("n1ci3ih5iw@co5kh3kw3s2p1", kColumns)},
        {"output_channels", sweep("n1ci3ih3iw9co@kh3kw3s1p1", kChannels)},
        {"input_channels", sweep("n1ci@ih3iw9co3kh3kw3s1p1", kChannels)},
        {"channels_1x1", sweep("n2ci@ih3iw5co@kh1kw1s1p0", kChannels)},
        {"depthwise", sweep("n2ci@ih4iw9co@kh3kw3s1p1g@", kChannels)},
        {"depthwise_strided", sweep("n1ci@ih7iw6co@kh3kw3s2p1g@", kChannels)},
        {"depthwise_columns", sweep("n1ci9ih3iw@co9kh3kw3s1p1g9", kColumns)},
        {"depthwise_columns_strided", sweep("n1ci9ih4iw@co9kh3kw3s2p1g9", kColumns)},
        // Kernels of these squares have their taps compiled in.
        {"depthwise_squares",
         list({"n2ci17ih9iw11co17kh5kw5s1p2g17", "n1ci8ih9iw17co8kh5kw5s2p2g8",
               "n2ci9ih7iw12co9kh5kw5s1p0g9", "n1ci20ih9iw9co20kh7kw7s1p3g20",
               "n1ci16ih13iw19co16kh7kw7s2p3g16", "n1ci15ih8iw9co15kh7kw7s2p0g15",
               "n1ci9ih9iw17co9kh3kw3s1p1d2g9", "n1ci9ih9iw17co9kh3kw5s1p1x2g9",
               "n1ci9ih9iw17co9kh3kw3s1x2p1g9", "n2ci33ih6iw1co33kh5kw5s1p2g33"})},
        // In wgrad taps fill the register tile, where their number divides.
        {"few_input_channels", list({"n2ci1ih9iw11co17kh3kw3s1p1", "n2ci2ih9iw11co9kh3kw3s2p1",
                                     "n1ci3ih11iw13co33kh5kw5s1p2", "n1ci4ih9iw11co8kh5kw5s2p0",
                                     "n1ci3ih13iw15co16kh7kw7s2p3", "n1ci2ih9iw11co7kh1kw5s1p0x2",
                                     "n1ci2ih9iw11co7kh5kw1s1p2x0", "n1ci3ih9iw13co5kh3kw6s1p1x3",
                                     "n1ci2ih13iw13co17kh9kw9s1p4", "n1ci2ih9iw11co15kh3kw3s1p2d2",
                                     "n2ci6ih7iw9co10kh3kw3s1p1g2"})},
        {"groups", list({"n2ci6ih5iw7co10kh3kw3s1p1g2", "n1ci24ih5iw9co51kh3kw3s1p1g3",
                         "n1ci36ih3iw5co4kh1kw1s1p0g4", "n2ci4ih6iw5co36kh2kw3s1p1g4",
                         "n1ci8ih5iw9co16kh3kw3s1p1g8", "n1ci16ih5iw9co8kh3kw3s2p1g8",
                         "n1ci34ih4iw4co68kh3kw3s1p1g17"})},
        // Groups of 2 to 16 channels fill vectors together.
        {"narrow_groups", list({"n2ci16ih5iw9co16kh3kw3s1p1g8", "n1ci40ih7iw13co40kh3kw3s2p1g20",
                                "n2ci32ih5iw17co32kh3kw3s1p1g8", "n1ci20ih9iw11co20kh3kw3s2p1g5",
                                "n1ci36ih5iw8co36kh5kw5s1p2g9", "n1ci64ih4iw15co64kh3kw3s1p0g8",
                                "n2ci24ih9iw16co24kh3kw3s2p1g3", "n1ci40ih6iw9co40kh3kw3s1p2d2g5",
                                "n2ci32ih7iw15co32kh3kw3s1p1g2", "n1ci48ih9iw19co48kh3kw3s2p1g3",
                                "n3ci64ih40iw30co64kh3kw3s1p1g16", "n2ci64ih33iw34co64kh3kw3s2p1g8",
                                "n1ci16ih3iw1co16kh3kw3s1p1g4", "n1ci32ih9iw9co32kh1kw1s1p0g8"})},
        {"strides", list({"n1ci3ih9iw13co5kh3kw3s3p1", "n1ci3ih9iw13co5kh3kw3s2x1p1",
                          "n1ci3ih9iw13co5kh3kw3s1x2p1", "n1ci3ih9iw13co5kh3kw3s1x3p0",
                          "n2ci3ih8iw12co5kh3kw3s2p0", "n2ci3ih8iw12co5kh2kw2s2p0",
                          "n2ci9ih9iw19co17kh1kw1s2p0", "n1ci3ih10iw12co5kh1kw1s3p0",
                          "n1ci3ih11iw13co5kh2kw2s3p0", "n1ci3ih11iw13co5kh5kw5s2p2",
                          "n1ci3ih17iw19co5kh7kw7s2p3", "n1ci3ih5iw5co5kh3kw3s4p1",
                          "n1ci2ih2iw2co3kh1kw1s3p0", "n1ci3ih9iw9co5kh2kw1s3x4p0"})},
        {"dilations", list({"n1ci3ih9iw13co5kh3kw3s1p2d2", "n1ci3ih9iw13co5kh3kw3s1p0d3",
                            "n1ci3ih9iw13co5kh3kw3s2p2d2", "n1ci3ih9iw13co5kh3kw3s2p3d3",
                            "n1ci3ih9iw13co5kh3kw3s3p1d2x1", "n1ci3ih9iw13co5kh2kw3s1p1d1x3",
                            "n1ci3ih5iw5co5kh2kw2s1p40d40", "n2ci3ih9iw13co5kh4kw4s4p5d2",
                            "n2ci8ih9iw13co8kh3kw3s1p2d2g8"})},
        {"kernels", list({"n1ci3ih6iw9co5kh2kw2s1p0", "n1ci3ih6iw9co5kh2kw2s1p1",
                          "n1ci3ih6iw9co5kh4kw4s1p2", "n1ci3ih6iw9co5kh4kw4s2p1",
                          "n1ci3ih6iw9co5kh1kw7s1p0x3", "n1ci3ih9iw6co5kh7kw1s1p3x0",
                          "n1ci3ih7iw7co5kh7kw7s1p0", "n1ci1ih28iw28co6kh5kw5s1p2",
                          "n2ci6ih14iw14co16kh5kw5s1p0", "n1ci3ih1iw1co5kh1kw1s1p0",
                          "n1ci1ih1iw1co1kh1kw1s1p0", "n3ci1ih1iw1co2kh3kw3s1p1"})},
        // Behind the kernel's reach the pass of dgrad starts inside the gradient: negative padding.
        {"wide_padding",
         list({"n1ci3ih4iw5co5kh1kw1s1p1", "n1ci3ih4iw5co5kh1kw1s1p3", "n1ci3ih4iw5co5kh3kw3s1p4",
               "n1ci3ih4iw5co5kh2kw2s1p3", "n1ci3ih4iw5co5kh1kw1s2p3", "n1ci3ih4iw5co5kh2kw3s3p5",
               "n1ci3ih1iw1co5kh3kw3s1p5", "n2ci3ih4iw17co17kh1kw2s1p0x4",
               "n2ci8ih4iw5co8kh1kw1s2p2g8"})},
        {"slabs", list({"n1ci3ih1iw40co5kh1kw3s1p0x1", "n1ci3ih33iw1co5kh3kw1s1p1x0",
                        "n5ci4ih1iw1co9kh1kw1s1p0", "n1ci130ih2iw3co5kh1kw1s1p0",
                        "n1ci5ih2iw3co130kh1kw1s1p0", "n17ci2ih2iw2co3kh2kw2s1p0"})},
        // Whole vectors of input channels for 3 x 3 with stride 1, and outputs that are no whole tiles of it.
        {"winograd", list({"n2ci16ih1iw1co16kh3kw3s1p1", "n1ci16ih2iw2co9kh3kw3s1p1",
                           "n1ci8ih5iw7co17kh3kw3s1p1", "n1ci16ih7iw16co32kh3kw3s1p0",
                           "n2ci32ih6iw9co96kh3kw3s1p1g2", "n1ci16ih4iw5co16kh3kw3s1p4",
                           "n1ci16ih9iw13co16kh3kw3s1p0x2", "n2ci48ih15iw33co48kh3kw3s1p1",
                           "n1ci128ih31iw29co32kh3kw3s1p1"})},
        // Large enough for several tasks and, in wgrad, several parts and chunks.
        {"many_tasks", list({"n3ci16ih40iw30co16kh3kw3s1p1", "n4ci3ih70iw66co8kh7kw7s2p3",
                             "n2ci40ih20iw20co40kh1kw1s1p0", "n2ci24ih33iw17co24kh3kw3s1p1g24",
                             "n3ci40ih41iw50co40kh3kw3s1p1g40", "n1ci65ih50iw47co65kh7kw7s2p3g65",
                             "n3ci16ih33iw30co48kh1kw1s1p0", "n2ci32ih29iw31co65kh1kw1s2p0"})},
    };
    return families;
}

}  // namespace convwright
