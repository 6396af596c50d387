// SPDX-License-Identifier: Apache-2.0
// convwright::Conv2d in a torch::nn::Sequential: an archive of torch::nn::Conv2d's parameters, equal
// outputs and gradients of first to third order, with and without a bias, and a few training steps.
#include <convwright/torch.h>

#include <cstdio>
#include <exception>
#include <sstream>

namespace {

template<typename Conv>
torch::nn::Sequential network() {
    return torch::nn::Sequential(
        Conv(torch::nn::Conv2dOptions(3, 16, 3).padding(1)), torch::nn::ReLU(),
        Conv(torch::nn::Conv2dOptions(16, 16, 4).padding(torch::kSame).groups(4).bias(false)),
        torch::nn::ReLU(),
        Conv(
            torch::nn::Conv2dOptions(16, 8, 3).stride(2).padding(1).padding_mode(torch::kReflect)));
}

/// The gradients of the parameters and of the input, the output, the gradients of a penalty on the
/// input's gradient, and those of a penalty on one of these.
std::vector<torch::Tensor> results(torch::nn::Sequential &model, const torch::Tensor &images) {
    const auto input = images.clone().requires_grad_();
    const auto output = model->forward(input);
    const auto loss = output.square().mean();
    auto parameters = model->parameters();
    auto all = parameters;
    all.push_back(input);
    auto first = torch::autograd::grad({loss}, all, {}, /*retain_graph=*/true,
                                       /*create_graph=*/true);
    const std::vector<torch::Tensor> weights{parameters[0], parameters[2], parameters[3]};
    const auto penalty = first.back().square().sum();
    const auto second = torch::autograd::grad({penalty}, weights, {}, /*retain_graph=*/true,
                                              /*create_graph=*/true);
    const auto third = torch::autograd::grad({second[1].square().sum()}, weights);
    first.push_back(output);
    first.insert(first.end(), second.begin(), second.end());
    first.insert(first.end(), third.begin(), third.end());
    return first;
}

bool run() {
    torch::manual_seed(0);
    auto ours = network<convwright::Conv2d>();
    auto torchs = network<torch::nn::Conv2d>();
    std::stringstream archive;
    torch::save(torchs, archive);
    torch::load(ours, archive);

    const auto images = torch::randn({4, 3, 12, 14}).contiguous(torch::MemoryFormat::ChannelsLast);
    const auto actual = results(ours, images), expected = results(torchs, images);
    for (size_t i = 0; i < actual.size(); i++) {
        // In shares of the largest value: gradients of penalties are small.
        const float error = (actual[i] - expected[i]).abs().max().item<float>();
        const float largest = expected[i].abs().max().item<float>();
        if (largest == 0 || !(error <= 1e-4F * largest)) {
            std::printf("result %zu differs\n", i);
            return false;
        }
    }

    torch::optim::SGD optimizer(ours->parameters(), 0.1);
    float before = 0, after = 0;
    for (int step = 0; step < 10; step++) {
        optimizer.zero_grad();
        const auto loss = ours->forward(images).square().mean();
        loss.backward();
        optimizer.step();
        (step == 0 ? before : after) = loss.item<float>();
    }
    return after < before;
}

}  // namespace

int main() {
    try {
        const bool equal = run();
        std::printf("%s\n",
                    equal ? "equal to LibTorch's layers" : "NOT equal to LibTorch's layers");
        return equal ? 0 : 1;
    } catch (const std::exception &error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
