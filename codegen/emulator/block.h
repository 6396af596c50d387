// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <random>
#include <string>
#include <vector>

#include "codegen/emulator/fiber.h"
#include "codegen/emulator/running.h"
#include "codegen/emulator/vector_types.h"

namespace convwright::emulator {

/// Who goes first, of the threads of a block each time that all wait, and of the blocks. The result
/// of a kernel without races is the same in all orders.
enum class Order {
    kForward,
    kReversed,
    kShuffled,  ///< Another one each time, from the seed.
};

/// `count` indices in the order. `random` goes on from call to call.
std::vector<unsigned> ordered(unsigned count, Order order, std::mt19937_64 &random);

/// The threads of one block as fibers. A thread runs until it waits for others or ends.
class Block {
public:
    Block(const char *kernel, dim3 size, const SharedMemory &shared);

    /// Runs a block with all its threads. Empty, or why it stopped.
    std::string run(uint3 index, const std::function<void()> &body, Order order,
                    std::mt19937_64 &random);
    const Counters &counters() const { return counters_; }
    std::string position() const;  ///< "kernel k, block (x,y,z), thread (x,y,z)" of what runs.

private:
    friend void report(const std::string &);
    friend void stop();
    friend void barrier(const Where &);
    friend void collective(const char *, unsigned, Combine, void *, const Where &);
    friend unsigned lane();
    friend AsyncCopies &async_copies();
    friend const SharedMemory &shared_memory();
    friend Counters &counters();

    enum class State { kRuns, kAtBarrier, kInCollective, kExited };
    struct Thread {
        Fiber *fiber;
        uint3 index;
        State state;
        AsyncCopies copies;
        // Of the barrier or collective it waits in.
        const char *waits_in;
        Where where;
        unsigned mask;
        Combine combine;
        void *frame;
    };

    static void thread_main(void *block);
    /// Each thread that does not wait, until it waits or ends. False if there was none.
    bool run_each_once(Order order, std::mt19937_64 &random);
    void wait(Thread &thread, State state);
    bool same_collective(const Thread &a, const Thread &b) const;
    std::string why_stuck() const;
    std::string does(const Thread &thread) const;  ///< "thread (0,0,0) waits in f() of k.cu:3".

    const char *kernel_;
    const SharedMemory &shared_;
    std::vector<Thread> threads_;
    const std::function<void()> *body_ = nullptr;
    unsigned running_ = 0;
    std::string error_;
    Counters counters_;
};

/// Block::position() of the block that runs; empty between launches.
std::string running_position();

}  // namespace convwright::emulator
