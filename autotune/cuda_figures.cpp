// SPDX-License-Identifier: Apache-2.0
#include "autotune/cuda_figures.h"

#include <fcntl.h>

#include <cmath>
#include <sstream>
#include <string_view>

#include "autotune/make_candidate.h"
#include "runtime/cuda/kernel_reports.h"
#include "runtime/private_file.h"
#include "runtime/tuned_choices.h"

namespace convwright {
namespace {

constexpr size_t kLargestImages = size_t{64} << 20;

/// The images of a kernel that was made; empty where they cannot be read.
std::string made_images(cuda::LoadableKernel kernel, const std::string &artifact) {
    std::string content;
    const std::string folder = made_kernels_folder();
    if (!cuda::place_files(kernel, folder, artifact)) return content;
    const FileDescriptor opened(folder, O_RDONLY | O_DIRECTORY);
    const std::string name = kernel.images_path.substr(folder.size() + 1);
    if (opened.get() >= 0) read_private_file(opened.get(), name, kLargestImages, content);
    return content;
}

}  // namespace

std::string cuda_figures(const OperatorProblem &problem, const std::string &candidate,
                         const std::string &artifact, const cuda::Device &gpu) {
    // Of which pass does not matter to what is made.
    const auto known = job_of(problem, /*phase=*/0, candidate);
    const auto *job = std::get_if<MeasureJob>(&known);
    if (job == nullptr || !job->on_gpu()) return "";
    std::string made;
    std::string_view images = cuda::images_of(job->shipped);
    if (job->shipped.empty()) images = made = made_images(*job->made_cuda, artifact);
    const auto read = cuda::kernel_reports(
        {{job->shipped.c_str(), images.data(), images.data() + images.size()}});
    const auto *reports = std::get_if<std::vector<cuda::KernelReport>>(&read);
    if (reports == nullptr) return "";
    std::ostringstream out;
    for (const cuda::KernelReport &report : *reports) {
        if (report.architecture != gpu.compute_capability) continue;
        const cuda::KernelFigures &kernel = report.figures;
        out << kernel.kernel << ": " << kernel.registers << " registers, "
            << kernel.shared_bytes + kernel.dynamic_shared_bytes << " B of shared memory and "
            << kernel.max_threads << " threads in a block, " << report.resident_blocks
            << " blocks on a multiprocessor, occupancy " << std::lround(100 * report.occupancy)
            << " %\n";
    }
    return out.str();
}

}  // namespace convwright
