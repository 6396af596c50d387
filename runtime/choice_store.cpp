// SPDX-License-Identifier: Apache-2.0
#include "runtime/choice_store.h"

#include <sys/stat.h>

#include <cerrno>

#include "runtime/shipped_choices.h"
#include "runtime/tuned_choices.h"

namespace convwright {
namespace {

constexpr size_t kMostNotices = 16;

}  // namespace

ChoiceStore &ChoiceStore::instance() {
    static auto *store = new ChoiceStore;  // threads may outlive main()
    return *store;
}

void ChoiceStore::offer(const std::string &identity, const std::string &problem, int phase,
                        const std::function<std::string(const NamedChoice &)> &take) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!used_) return;
    const auto taken = [&](const NamedChoice &choice) {
        const std::string why = take(choice);
        if (!why.empty()) add(why);
        return why.empty();
    };
    if (const auto own = own_.find({problem, phase}); own != own_.end()) {
        const auto &[choice, devices] = own->second;
        if (identity.compare(0, devices.size(), devices) == 0 && taken(choice)) return;
    }
    read_once();
    if (table_) {
        const auto choice = table_->find(identity, problem, phase);
        if (choice && taken({std::string(choice->candidate), std::string(choice->artifact), false}))
            return;
    }
    if (const ShippedChoice *shipped = find_shipped_choice(identity, problem, phase))
        taken({std::string(shipped->candidate), "", true});
}

void ChoiceStore::keep(const std::string &problem, int phase, NamedChoice choice,
                       const std::string &devices) {
    const std::lock_guard<std::mutex> lock(mutex_);
    own_[{problem, phase}] = {std::move(choice), devices};
    generation_++;
}

void ChoiceStore::drop(const std::string &problem, int phase) {
    const std::lock_guard<std::mutex> lock(mutex_);
    own_.erase({problem, phase});
    generation_++;
}

void ChoiceStore::reload() {
    const std::lock_guard<std::mutex> lock(mutex_);
    read_ = false;
    generation_++;
}

void ChoiceStore::use(bool use) {
    const std::lock_guard<std::mutex> lock(mutex_);
    used_ = use;
    generation_++;
}

std::vector<std::string> ChoiceStore::notices() {
    const std::lock_guard<std::mutex> lock(mutex_);
    read_once();
    return notices_;
}

void ChoiceStore::note(const std::string &sentence) {
    const std::lock_guard<std::mutex> lock(mutex_);
    add(sentence);
}

void ChoiceStore::read_once() {
    if (read_) return;
    read_ = true;
    table_.reset();
    const std::string path = tuned_choices_path();
    struct stat status;
    // Nothing was tuned yet.
    if (path.empty() || (stat(path.c_str(), &status) != 0 && errno == ENOENT)) return;
    auto table = TunedTable::read(path);
    if (auto *why = std::get_if<std::string>(&table)) return add(*why);
    table_.emplace(std::move(std::get<TunedTable>(table)));
}

void ChoiceStore::add(const std::string &sentence) {
    for (const std::string &known : notices_)
        if (known == sentence) return;
    if (notices_.size() == kMostNotices) notices_.erase(notices_.begin());
    notices_.push_back(sentence);
}

}  // namespace convwright
