// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "runtime/tuned_table.h"

namespace convwright {

/// A choice as its source has it.
struct NamedChoice {
    std::string candidate;  ///< "conv2d.avx512/lane:0", "conv2d.cuda/engine:1", "pytorch".
    std::string artifact;   ///< By which its kernel is known, where that was made.
    bool shipped = false;
};

/// Where choices come from, for devices of every kind: this process, the user's file, the tables that the library was
/// built with. It knows no kernels. One for the process; thread-safe.
class ChoiceStore {
public:
    static ChoiceStore &instance();

    /// The first choice for a pass, on a device of this identity, of which `resolve` makes a Pass. It says in a sentence why
    /// a choice is none, and that becomes a notice. It is called by one thread at a time.
    template<typename Pass, typename Resolve>
    std::optional<Pass> find(const std::string &identity, const std::string &problem, int phase,
                             Resolve resolve) {
        std::optional<Pass> found;
        offer(identity, problem, phase, [&](const NamedChoice &choice) -> std::string {
            std::variant<Pass, std::string> resolved = resolve(choice);
            if (auto *why = std::get_if<std::string>(&resolved)) return std::move(*why);
            found = std::get<Pass>(std::move(resolved));
            found->shipped = choice.shipped;
            return "";
        });
        return found;
    }

    /// From now on this choice goes before all others, on devices whose identity begins with `devices`. It takes the place
    /// of what was kept for this pass, on whatever devices.
    void keep(const std::string &problem, int phase, NamedChoice choice,
              const std::string &devices);
    void drop(const std::string &problem, int phase);
    void reload();  ///< The user's file, when it is asked for again.
    void use(bool use);

    unsigned generation() const { return generation_.load(std::memory_order_relaxed); }
    std::vector<std::string> notices();
    void note(const std::string &sentence);

private:
    struct Own {
        NamedChoice choice;
        std::string devices;
    };
    void offer(const std::string &identity, const std::string &problem, int phase,
               const std::function<std::string(const NamedChoice &)> &take);
    void read_once();
    void add(const std::string &sentence);

    std::mutex mutex_;
    bool used_ = true, read_ = false;
    std::optional<TunedTable> table_;
    std::map<std::pair<std::string, int>, Own> own_;
    std::vector<std::string> notices_;
    std::atomic<unsigned> generation_{0};
};

}  // namespace convwright
