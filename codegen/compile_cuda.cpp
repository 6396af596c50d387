// SPDX-License-Identifier: Apache-2.0
// convwright_compile_cuda: one kernel text of the build becomes programs for GPUs.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <sstream>

#include "runtime/cuda/cubin_cache.h"
#include "runtime/cuda/images.h"
#include "runtime/cuda/nvrtc.h"

namespace convwright::cuda {
namespace {

constexpr char kUsage[] =
    "Usage: convwright_compile_cuda --text FILE.cu --output FILE.images\n"
    "           [--architectures 75,80,...] [--spill-allowance BYTES]\n"
    "           [--nvrtc LIBRARY | --python-packages FOLDER]\n"
    "Writes the text and, where NVRTC is found, what it is compiled to for each architecture.\n"
    "Ends with 1 if a kernel spills more than the allowance, 0 unless told.\n";

struct Options {
    std::string text, output, nvrtc, python_packages;
    std::vector<int> architectures;
    int spill_allowance = 0;
};

/// Nullopt for what is no number in 0..999999.
std::optional<int> number(const std::string &text) {
    if (text.empty() || text.size() > 6 || text.find_first_not_of("0123456789") != text.npos)
        return std::nullopt;
    return std::stoi(text);
}

/// Nullopt for arguments that are not those of kUsage.
std::optional<Options> parse(const std::vector<std::string> &arguments) {
    std::map<std::string, std::string> given;
    for (size_t i = 0; i < arguments.size(); i += 2) {
        if (i + 1 == arguments.size() || !given.emplace(arguments[i], arguments[i + 1]).second)
            return std::nullopt;
    }
    Options options;
    for (const auto &[name, value] : given) {
        if (name == "--text") {
            options.text = value;
        } else if (name == "--output") {
            options.output = value;
        } else if (name == "--nvrtc") {
            options.nvrtc = value;
        } else if (name == "--python-packages") {
            options.python_packages = value;
        } else if (name == "--spill-allowance") {
            const auto bytes = number(value);
            if (!bytes) return std::nullopt;
            options.spill_allowance = *bytes;
        } else if (name == "--architectures") {
            std::istringstream items(value);
            for (std::string item; std::getline(items, item, ',');) {
                const auto architecture = number(item);
                if (!architecture) return std::nullopt;
                options.architectures.push_back(*architecture);
            }
        } else {
            return std::nullopt;
        }
    }
    if (options.text.empty() || options.output.empty()) return std::nullopt;
    return options;
}

/// Whether each kernel keeps its values in registers, as far as it must; says which does not.
bool within_allowance(const std::vector<KernelFigures> &kernels, int architecture, int allowance) {
    bool all = true;
    for (const KernelFigures &k : kernels) {
        if (!k.spills_beyond(allowance)) continue;
        all = false;
        std::cerr << k.kernel << " on sm_" << architecture << " spills " << k.spill_bytes
                  << " bytes per thread and has " << k.stack_bytes << " bytes of local memory ("
                  << k.registers << " registers, " << k.shared_bytes + k.dynamic_shared_bytes
                  << " bytes of shared memory, at most " << k.max_threads
                  << " threads of a block), but may have " << allowance
                  << ": give it a smaller register tile, or its row a SPILL_ALLOWANCE.\n";
    }
    return all;
}

/// Adds programs and figures; false if one could not be made or spills.
bool compile(const Nvrtc &nvrtc, const Options &options, ImagesContent &content) {
    const CubinCache cache = CubinCache::open();
    bool good = true;
    for (const int architecture : options.architectures) {
        auto result = compile_cached(nvrtc, content.text, options.text, architecture, cache);
        if (const auto *error = std::get_if<NvrtcError>(&result)) {
            std::cerr << error->sentence << "\n" << error->log << "\n";
            return false;
        }
        auto &compiled = std::get<CompiledCuda>(result);
        good &= within_allowance(compiled.kernels, architecture, options.spill_allowance);
        content.cubins[architecture] = std::move(compiled.cubin);
        content.figures[architecture] = std::move(compiled.kernels);
        if (architecture == content.cubins.rbegin()->first) content.ptx = std::move(compiled.ptx);
    }
    return good;
}

int run(const Options &options) {
    std::ifstream text(options.text, std::ios::binary);
    std::ostringstream read;
    read << text.rdbuf();
    if (!text || read.str().empty()) {
        std::cerr << "The kernel text " << options.text << " cannot be read, or is empty.\n";
        return 1;
    }
    ImagesContent content;
    content.text = read.str();
    content.spill_allowance = options.spill_allowance;
    std::vector<std::string> packages;
    if (!options.python_packages.empty()) packages.push_back(options.python_packages);
    const auto opened = Nvrtc::open(options.nvrtc, packages);
    if (const auto *nvrtc = std::get_if<Nvrtc>(&opened)) {
        if (!compile(*nvrtc, options, content)) return 1;
    } else if (!options.nvrtc.empty()) {
        const auto &error = std::get<NvrtcError>(opened);
        std::cerr << error.sentence << "\n" << error.log;
        return 1;
    }
    std::ofstream output(options.output, std::ios::binary | std::ios::trunc);
    output << write_images(content);
    output.close();
    if (output) return 0;
    std::cerr << "The images cannot be written to " << options.output << ".\n";
    std::remove(options.output.c_str());
    return 1;
}

}  // namespace
}  // namespace convwright::cuda

int main(int argc, char **argv) {
    const auto options = convwright::cuda::parse({argv + 1, argv + argc});
    if (options) return convwright::cuda::run(*options);
    std::cerr << convwright::cuda::kUsage;
    return 2;
}
