// SPDX-License-Identifier: Apache-2.0
#include "codegen/emulator/block.h"

#include <algorithm>
#include <memory>
#include <numeric>
#include <string_view>

#include "codegen/emulator/keywords.h"

namespace convwright::emulator {
namespace {

Block *block = nullptr;  // the one that runs

std::string text_of(uint3 index) {
    return "(" + std::to_string(index.x) + "," + std::to_string(index.y) + "," +
           std::to_string(index.z) + ")";
}

bool same_line(const Where &a, const Where &b) {
    if (a.line() != b.line() || a.column() != b.column()) return false;
    // Nearly always one pointer, and asked 500 times for each work of a warp.
    return a.file_name() == b.file_name() || std::string_view(a.file_name()) == b.file_name();
}

// Stacks are kept: a block has up to 1024, and a test launches many kernels.
Fiber &kept_fiber(size_t i) {
    static std::vector<std::unique_ptr<Fiber>> fibers;
    while (fibers.size() <= i) fibers.push_back(std::make_unique<Fiber>());
    return *fibers[i];
}

}  // namespace

std::vector<unsigned> ordered(unsigned count, Order order, std::mt19937_64 &random) {
    std::vector<unsigned> indices(count);
    std::iota(indices.begin(), indices.end(), 0u);
    if (order == Order::kReversed) std::reverse(indices.begin(), indices.end());
    if (order == Order::kShuffled) std::shuffle(indices.begin(), indices.end(), random);
    return indices;
}

Block::Block(const char *kernel, dim3 size, const SharedMemory &shared)
    : kernel_(kernel), shared_(shared), threads_(size.x * size.y * size.z) {
    for (unsigned i = 0; i < threads_.size(); ++i) {
        threads_[i].index = {i % size.x, i / size.x % size.y, i / size.x / size.y};
        threads_[i].fiber = &kept_fiber(i);
    }
}

void Block::thread_main(void *self) {
    Block &running = *static_cast<Block *>(self);
    (*running.body_)();
    Thread &thread = running.threads_[running.running_];
    if (thread.copies.in_flight()) report("ends with asynchronous copies that no wait covers");
    thread.state = State::kExited;
}

bool Block::run_each_once(Order order, std::mt19937_64 &random) {
    bool any = false;
    for (const unsigned t : ordered(static_cast<unsigned>(threads_.size()), order, random)) {
        if (threads_[t].state != State::kRuns) continue;
        any = true;
        running_ = t;
        threadIdx = threads_[t].index;
        threads_[t].fiber->resume();
        if (!error_.empty()) break;
    }
    return any;
}

std::string Block::run(uint3 index, const std::function<void()> &body, Order order,
                       std::mt19937_64 &random) {
    block = this;
    body_ = &body;
    blockIdx = index;
    shared_.poison_all();
    for (Thread &thread : threads_) {
        thread.state = State::kRuns;
        thread.copies.forget();
        thread.fiber->start(thread_main, this);
    }
    const auto has_ended = [](const Thread &t) { return t.state == State::kExited; };
    while (error_.empty() && !std::all_of(threads_.begin(), threads_.end(), has_ended)) {
        if (run_each_once(order, random)) continue;
        error_ = why_stuck();
        ++counters_.barriers;
        for (Thread &thread : threads_) thread.state = State::kRuns;
    }
    block = nullptr;
    return error_;
}

std::string Block::position() const {
    return std::string("kernel ") + kernel_ + ", block " + text_of(blockIdx) + ", thread " +
           text_of(threads_[running_].index);
}

std::string Block::does(const Thread &thread) const {
    const std::string name = "thread " + text_of(thread.index);
    if (thread.state == State::kExited) return name + " has ended";
    return name + " waits in " + thread.waits_in + "() of " + line_of(thread.where);
}

// Empty if all threads are at one barrier.
std::string Block::why_stuck() const {
    const std::string at = std::string("kernel ") + kernel_ + ", block " + text_of(blockIdx) + ": ";
    for (const Thread &a : threads_) {
        if (a.state != State::kInCollective) continue;
        const auto first =
            static_cast<unsigned>(&a - threads_.data()) / kWarpThreads * kWarpThreads;
        for (unsigned i = 0; i < kWarpThreads; ++i) {
            if (!(a.mask >> i & 1) || same_collective(a, threads_[first + i])) continue;
            return at + does(a) + " for lane " + std::to_string(i) + ", but " +
                   does(threads_[first + i]) + ".";
        }
    }
    const auto a = std::find_if(threads_.begin(), threads_.end(),
                                [](const Thread &t) { return t.state == State::kAtBarrier; });
    for (const Thread &b : threads_) {
        if (b.state == State::kAtBarrier && same_line(a->where, b.where)) continue;
        return at + does(*a) + ", but " + does(b) + ".";
    }
    return "";
}

bool Block::same_collective(const Thread &a, const Thread &b) const {
    return b.state == State::kInCollective && a.mask == b.mask && a.combine == b.combine &&
           same_line(a.where, b.where);
}

void Block::wait(Thread &thread, State state) {
    thread.state = state;
    thread.fiber->suspend();
}

void report(const std::string &what) { block->error_ = block->position() + ": " + what + "."; }

void stop() {
    for (;;) block->threads_[block->running_].fiber->suspend();
}

std::string line_of(const Where &where) {
    const std::string_view file = where.file_name();
    return std::string(file.substr(file.find_last_of('/') + 1)) + ":" +
           std::to_string(where.line());
}

void barrier(const Where &where) {
    Block::Thread &thread = block->threads_[block->running_];
    thread.waits_in = "__syncthreads";
    thread.where = where;
    block->wait(thread, Block::State::kAtBarrier);
}

void collective(const char *name, unsigned mask, Combine combine, void *frame, const Where &where) {
    Block &b = *block;
    const unsigned own = lane(), first = b.running_ - own;
    const auto lanes = std::min<size_t>(kWarpThreads, b.threads_.size() - first);
    if (!(mask >> own & 1)) {
        report(std::string(name) + "() of " + line_of(where) + " with a mask without the own lane");
        stop();
    }
    if (lanes < kWarpThreads && mask >> lanes != 0) {
        report(std::string(name) + "() of " + line_of(where) + " waits for lane " +
               std::to_string(31 - __builtin_clz(mask)) + ", but the warp has " +
               std::to_string(lanes));
        stop();
    }
    Block::Thread &thread = b.threads_[b.running_];
    thread.waits_in = name;
    thread.where = where;
    thread.mask = mask;
    thread.combine = combine;
    thread.frame = frame;
    thread.state = Block::State::kInCollective;
    void *frames[kWarpThreads] = {};
    for (unsigned i = 0; i < lanes; ++i) {
        if (!(mask >> i & 1)) continue;
        if (!b.same_collective(thread, b.threads_[first + i])) {
            return b.wait(thread, Block::State::kInCollective);
        }
        frames[i] = b.threads_[first + i].frame;
    }
    if (combine != nullptr) combine(frames, mask);
    ++b.counters_.collectives;
    for (unsigned i = 0; i < lanes; ++i) {
        if (mask >> i & 1) b.threads_[first + i].state = Block::State::kRuns;
    }
}

unsigned lane() { return block->running_ % kWarpThreads; }
AsyncCopies &async_copies() { return block->threads_[block->running_].copies; }
const SharedMemory &shared_memory() { return block->shared_; }
Counters &counters() { return block->counters_; }

std::string running_position() { return block == nullptr ? "" : block->position(); }

}  // namespace convwright::emulator
