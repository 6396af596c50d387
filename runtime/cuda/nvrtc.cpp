// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/nvrtc.h"

#include <dlfcn.h>
#include <glob.h>

#include <cstdlib>

namespace convwright::cuda {

namespace {

// The functions that are used of nvrtc.h, whose C interface is the same in CUDA 11, 12 and 13.
using Program = struct _nvrtcProgram *;  // NOLINT: nvrtc.h's own name
using Result = int;                      // 0 is NVRTC_SUCCESS

/// Files that the pattern names, last names first: the newest version of several.
std::vector<std::string> files(const std::string &pattern) {
    std::vector<std::string> found;
    glob_t matches{};
    if (glob(pattern.c_str(), 0, nullptr, &matches) == 0)
        for (size_t i = matches.gl_pathc; i-- > 0;) found.emplace_back(matches.gl_pathv[i]);
    globfree(&matches);
    return found;
}

/// Of the user; an empty variable is as good as none.
std::string chosen_file() {
    const char *chosen = std::getenv("CONVWRIGHT_NVRTC");
    return chosen == nullptr ? "" : chosen;
}

std::vector<std::string> candidates(const std::string &path,
                                    const std::vector<std::string> &python_packages) {
    if (!path.empty()) return {path};
    std::vector<std::string> all;
    const auto add = [&](const std::vector<std::string> &more) {
        all.insert(all.end(), more.begin(), more.end());
    };
    if (const std::string chosen = chosen_file(); !chosen.empty()) return {chosen};
    // libnvrtc.alt and libnvrtc-builtins are no compilers of their own.
    for (const std::string &packages : python_packages)
        add(files(packages + "/nvidia/*/lib/libnvrtc.so.*"));
    add({"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"});
    if (const char *home = std::getenv("CUDA_HOME"))
        add(files(home + std::string("/lib64/libnvrtc.so.*")));
    add(files("/usr/local/cuda/lib64/libnvrtc.so.*"));
    return all;
}

}  // namespace

/// The open library. It stays open: NVRTC does not survive being closed.
struct Nvrtc::Library {
    std::string path;
    void *handle = nullptr;
    Result (*nvrtcVersion)(int *, int *) = nullptr;
    const char *(*nvrtcGetErrorString)(Result) = nullptr;
    Result (*nvrtcCreateProgram)(Program *, const char *, const char *, int, const char *const *,
                                 const char *const *) = nullptr;
    Result (*nvrtcDestroyProgram)(Program *) = nullptr;
    Result (*nvrtcCompileProgram)(Program, int, const char *const *) = nullptr;
    Result (*nvrtcGetProgramLogSize)(Program, size_t *) = nullptr;
    Result (*nvrtcGetProgramLog)(Program, char *) = nullptr;
    Result (*nvrtcGetCUBINSize)(Program, size_t *) = nullptr;
    Result (*nvrtcGetCUBIN)(Program, char *) = nullptr;
    Result (*nvrtcGetPTXSize)(Program, size_t *) = nullptr;
    Result (*nvrtcGetPTX)(Program, char *) = nullptr;

    /// Null, or the name of a function that the file lacks.
    const char *bind() {
#define CONVWRIGHT_BIND(name)                                      \
    name = reinterpret_cast<decltype(name)>(dlsym(handle, #name)); \
    if (name == nullptr) return #name;
        CONVWRIGHT_BIND(nvrtcVersion)
        CONVWRIGHT_BIND(nvrtcGetErrorString)
        CONVWRIGHT_BIND(nvrtcCreateProgram)
        CONVWRIGHT_BIND(nvrtcDestroyProgram)
        CONVWRIGHT_BIND(nvrtcCompileProgram)
        CONVWRIGHT_BIND(nvrtcGetProgramLogSize)
        CONVWRIGHT_BIND(nvrtcGetProgramLog)
        CONVWRIGHT_BIND(nvrtcGetCUBINSize)
        CONVWRIGHT_BIND(nvrtcGetCUBIN)
        CONVWRIGHT_BIND(nvrtcGetPTXSize)
        CONVWRIGHT_BIND(nvrtcGetPTX)
#undef CONVWRIGHT_BIND
        return nullptr;
    }

    /// A text of the program by the pair of functions that give its size and its bytes.
    std::string get(Program program, Result (*size_of)(Program, size_t *),
                    Result (*get_it)(Program, char *)) const {
        size_t size = 0;
        if (size_of(program, &size) != 0) return "";
        std::string text(size, '\0');
        if (get_it(program, text.data()) != 0) return "";
        return text;
    }
};

std::variant<Nvrtc, NvrtcError> Nvrtc::open(const std::string &path,
                                            const std::vector<std::string> &python_packages) {
    std::string why;
    for (const std::string &file : candidates(path, python_packages)) {
        void *handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
        if (handle == nullptr) {
            why += std::string(dlerror()) + "\n";
            continue;
        }
        auto library = std::make_shared<Library>();
        library->path = file;
        library->handle = handle;
        const char *missing = library->bind();
        if (missing == nullptr) return Nvrtc(library);
        why += file + ": no function " + missing + "\n";
    }
    const std::string chosen = path.empty() ? chosen_file() : "";
    if (!chosen.empty())
        return NvrtcError{"CONVWRIGHT_NVRTC is '" + chosen +
                              "', which is no NVRTC; accepted is the path of a libnvrtc.so.",
                          why};
    return NvrtcError{
        (path.empty() ? "No NVRTC (libnvrtc.so) was found"
                      : "NVRTC could not be opened from " + path) +
            "; install PyTorch's CUDA packages or a CUDA toolkit, or name the file in "
            "CONVWRIGHT_NVRTC.",
        why};
}

int Nvrtc::version() const {
    int major = 0, minor = 0;
    library_->nvrtcVersion(&major, &minor);
    return 1000 * major + 10 * minor;
}

const std::string &Nvrtc::path() const { return library_->path; }

std::vector<std::string> Nvrtc::options(int architecture) {
    // What the text leaves plain is computed as it stands; its fmaf are its only contractions.
    return {"--gpu-architecture=sm_" + std::to_string(architecture),
            "--std=c++17",
            "--fmad=false",
            "--ftz=false",
            "--prec-div=true",
            "--prec-sqrt=true",
            "--ptxas-options=-v"};
}

std::variant<CompiledCuda, NvrtcError> Nvrtc::compile(const std::string &text,
                                                      const std::string &name,
                                                      int architecture) const {
    const std::string arch = "sm_" + std::to_string(architecture);
    const std::vector<std::string> texts = options(architecture);
    std::vector<const char *> arguments;
    for (const std::string &option : texts) arguments.push_back(option.c_str());

    Program program = nullptr;
    Result result =
        library_->nvrtcCreateProgram(&program, text.c_str(), name.c_str(), 0, nullptr, nullptr);
    if (result != 0)
        return NvrtcError{
            "NVRTC took no program " + name + ": " + library_->nvrtcGetErrorString(result) + ".",
            ""};
    result = library_->nvrtcCompileProgram(program, static_cast<int>(arguments.size()),
                                           arguments.data());
    CompiledCuda compiled;
    compiled.log =
        library_->get(program, library_->nvrtcGetProgramLogSize, library_->nvrtcGetProgramLog);
    while (!compiled.log.empty() && compiled.log.back() == '\0') compiled.log.pop_back();
    if (result == 0) {
        compiled.cubin =
            library_->get(program, library_->nvrtcGetCUBINSize, library_->nvrtcGetCUBIN);
        compiled.ptx = library_->get(program, library_->nvrtcGetPTXSize, library_->nvrtcGetPTX);
        while (!compiled.ptx.empty() && compiled.ptx.back() == '\0') compiled.ptx.pop_back();
    }
    library_->nvrtcDestroyProgram(&program);
    if (result != 0)
        return NvrtcError{"NVRTC did not compile " + name + " for " + arch + ": " +
                              library_->nvrtcGetErrorString(result) + ".",
                          compiled.log};
    if (compiled.cubin.empty())
        return NvrtcError{"NVRTC gave no code for " + name + " and " + arch + ".", compiled.log};
    compiled.kernels = parse_ptxas_log(compiled.log);
    add_launch_figures(text, compiled.kernels);
    return compiled;
}

}  // namespace convwright::cuda
