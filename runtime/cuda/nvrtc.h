// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace convwright::cuda {

/// Why something did not work: one sentence, and the compiler's own words where it spoke.
struct NvrtcError {
    std::string sentence, log;
};

/// What one kernel needs: ptxas's figures, and what its text says of its launches.
struct KernelFigures {
    std::string kernel;
    int registers = 0;     ///< Per thread.
    int spill_bytes = 0;   ///< Stored and loaded, per thread; 0 for a kernel without spills.
    int stack_bytes = 0;   ///< Local memory per thread: spills, arrays not in registers.
    int shared_bytes = 0;  ///< Static.
    int max_threads = 0;   ///< Of a block; 0 where the text does not say.
    int dynamic_shared_bytes = 0;  ///< Of a launch.

    /// Whether more bytes of a thread than these lie in local memory.
    bool spills_beyond(int allowance) const {
        return spill_bytes > allowance || stack_bytes > allowance;
    }
};

/// What compiling a text for one architecture gave.
struct CompiledCuda {
    std::string cubin;  ///< For cuModuleLoadData.
    std::string ptx;
    std::vector<KernelFigures> kernels;  ///< In the order of ptxas's log.
    std::string log;                     ///< Empty if it comes from the cache (cubin_cache.h).
};

/// NVIDIA's run-time compiler, opened when first asked for; this library links nothing of CUDA.
/// Thread-safe.
class Nvrtc {
public:
    /// Opens libnvrtc: the file `path`; or, if it is empty, $CONVWRIGHT_NVRTC, the CUDA packages of
    /// each folder of `python_packages` (site-packages: nvidia/*/lib), the loader's own search path,
    /// and the toolkits in $CUDA_HOME and /usr/local/cuda, in this order.
    static std::variant<Nvrtc, NvrtcError> open(
        const std::string &path = "", const std::vector<std::string> &python_packages = {});

    /// CUDA's version as 1000 * major + 10 * minor: 13000 for 13.0.
    int version() const;

    /// Where it was found.
    const std::string &path() const;

    /// What texts are compiled with; with text and version(), all that the result depends on.
    static std::vector<std::string> options(int architecture);

    /// Compiles `text` for sm_<architecture> (75, 80, 89, 90, ...), without contraction beyond what
    /// the text says, without flushing denormals, with IEEE division and square root. `name` stands
    /// for the file in the log.
    std::variant<CompiledCuda, NvrtcError> compile(const std::string &text, const std::string &name,
                                                   int architecture) const;

private:
    struct Library;
    explicit Nvrtc(std::shared_ptr<const Library> library) : library_(std::move(library)) {}
    std::shared_ptr<const Library> library_;
};

/// The figures in a log of `--ptxas-options=-v`.
std::vector<KernelFigures> parse_ptxas_log(const std::string &log);

/// Adds what comments of the text say of the kernels' launches:
///   // launch: <kernel> <most threads of a block> <bytes of dynamic shared memory>
void add_launch_figures(const std::string &text, std::vector<KernelFigures> &kernels);

}  // namespace convwright::cuda
