// SPDX-License-Identifier: Apache-2.0
// Runs a model that Python has compiled ahead of time, without Python:
//
//     packaged_model MODEL.pt2 INPUT.pt OUTPUT.pt
//
// MODEL.pt2 comes from torch._inductor.aoti_compile_and_package, INPUT.pt and OUTPUT.pt are tensors as
// torch.save writes and torch.load reads them. The model's Convwright layers find their operators in
// the library that Convwright::torch links.
#include <c10/util/Exception.h>
#include <torch/csrc/inductor/aoti_package/model_package_loader.h>
#include <torch/csrc/jit/serialization/pickle.h>

#include <cstdio>
#include <exception>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

std::ifstream open_file(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error(path + " cannot be read.");
    return file;
}

at::Tensor read_tensor(const std::string &path) {
    std::ifstream file = open_file(path);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    return torch::jit::pickle_load(bytes).toTensor();
}

void write_tensor(const std::string &path, const at::Tensor &tensor) {
    const std::vector<char> bytes = torch::jit::pickle_save(tensor);
    std::ofstream file(path, std::ios::binary);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (!file.flush()) throw std::runtime_error(path + " cannot be written.");
}

}  // namespace

int main(int argc, char **argv) {
    if (argc != 4) {
        std::fputs("usage: packaged_model MODEL.pt2 INPUT.pt OUTPUT.pt\n", stderr);
        return 2;
    }
    try {
        open_file(argv[1]);  // the loader would not name it
        torch::inductor::AOTIModelPackageLoader model(argv[1]);
        write_tensor(argv[3], model.run({read_tensor(argv[2])}).at(0));
    } catch (const c10::Error &error) {
        std::fprintf(stderr, "packaged_model: %s\n", error.what_without_backtrace());
        return 1;
    } catch (const std::exception &error) {
        std::fprintf(stderr, "packaged_model: %s\n", error.what());
        return 1;
    }
    return 0;
}
