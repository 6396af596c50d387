// SPDX-License-Identifier: Apache-2.0
#include "codegen/memory_order.h"

#include <numeric>
#include <set>
#include <tuple>
#include <unordered_map>

namespace convwright {

using namespace Halide;
using namespace Halide::Internal;

/// Makes the tree of nodes. Indices are written over what lets are made of.
class MemoryOrder::Builder : public IRVisitor {
public:
    explicit Builder(MemoryOrder &order) : order_(order) { current_ = &order.root_; }

private:
    using IRVisitor::visit;

    void access(const std::string &buffer, bool write, const Expr &index, Type type) {
        if (own_.count(buffer) != 0) return;
        const Expr whole = simplify(substitute(lets_, index));
        const int bytes = type.element_of().bytes();
        order_.granules_[buffer] = std::gcd(order_.granules_[buffer], bytes);
        auto &numbers = numbers_[{buffer, write, bytes}];
        const auto [place, is_new] =
            numbers.emplace(whole, static_cast<int>(order_.accesses_.size()));
        if (is_new) order_.accesses_.push_back({buffer, write, whole, bytes});
        Node leaf;
        leaf.kind = Node::kAccesses;
        leaf.accesses = {place->second};
        current_->parts.push_back(leaf);
    }
    Node inside(Node::Kind kind, const Stmt &body) {
        Node node;
        node.kind = kind;
        Node *outer = current_;
        current_ = &node;
        if (body.defined()) body.accept(this);
        current_ = outer;
        return node;
    }

    void visit(const Load *op) override {
        IRVisitor::visit(op);
        access(op->name, false, op->index, op->type);
    }
    void visit(const Store *op) override {
        IRVisitor::visit(op);
        access(op->name, true, op->index, op->value.type());
    }
    void visit(const Call *op) override {
        IRVisitor::visit(op);
        if (!op->is_intrinsic(Call::gpu_thread_barrier)) return;
        Node node;
        node.kind = Node::kBarrier;
        node.barrier = order_.barriers_++;
        current_->parts.push_back(node);
    }
    void visit(const Allocate *op) override {
        if (op->memory_type != MemoryType::GPUShared) own_.insert(op->name);
        IRVisitor::visit(op);
    }
    void visit(const LetStmt *op) override {
        op->value.accept(this);
        lets_[op->name] = substitute(lets_, op->value);
        op->body.accept(this);
    }
    void visit(const Let *op) override {
        op->value.accept(this);
        lets_[op->name] = substitute(lets_, op->value);
        op->body.accept(this);
    }
    void visit(const For *op) override {
        op->min.accept(this);
        op->extent.accept(this);
        const bool parallel =
            op->for_type == ForType::GPUBlock || op->for_type == ForType::GPUThread;
        const Node node = inside(parallel ? Node::kSequence : Node::kLoop, op->body);
        current_->parts.push_back(node);
    }
    void visit(const IfThenElse *op) override {
        op->condition.accept(this);
        Node node;
        node.kind = Node::kBranch;
        node.parts.push_back(inside(Node::kSequence, op->then_case));
        node.parts.push_back(inside(Node::kSequence, op->else_case));
        current_->parts.push_back(node);
    }

    MemoryOrder &order_;
    Node *current_;
    std::map<std::string, Expr> lets_;
    std::set<std::string> own_;  // memory that a thread has for itself
    std::map<std::tuple<std::string, bool, int>, std::map<Expr, int, IRDeepCompare>> numbers_;
};

MemoryOrder::MemoryOrder(const Stmt &nest, ThreadLoops threads) : threads_(std::move(threads)) {
    Builder builder(*this);
    nest.accept(&builder);
    dropped_.resize(barriers_);
}

namespace {

/// a |= b; whether that added anything.
bool unite(std::vector<bool> &a, const std::vector<bool> &b) {
    bool grown = false;
    for (size_t i = 0; i < b.size(); ++i) {
        if (b[i] && !a[i]) a[i] = grown = true;
    }
    return grown;
}

}  // namespace

/// What has been accessed since the last barrier (or, backwards, will be until the next one) behind
/// `node`, given what has been before it; at_barriers collects the same at each barrier.
MemoryOrder::Set MemoryOrder::flow(const Node &node, Set in, bool forward,
                                   std::vector<Set> &at_barriers) const {
    switch (node.kind) {
        case Node::kAccesses:
            for (const int a : node.accesses) in[a] = true;
            return in;
        case Node::kBarrier:
            unite(at_barriers[node.barrier], in);
            return dropped_[node.barrier] ? in : Set(in.size());
        case Node::kSequence:
            return flow_through(node.parts, std::move(in), forward, at_barriers);
        case Node::kBranch: {
            Set out(in.size());
            for (const Node &part : node.parts) unite(out, flow(part, in, forward, at_barriers));
            return out;
        }
        case Node::kLoop: {
            // No turn, or as many as it takes until a further one brings nothing new.
            while (unite(in, flow_through(node.parts, in, forward, at_barriers))) {
            }
            return in;
        }
    }
    return in;
}

MemoryOrder::Set MemoryOrder::flow_through(const std::vector<Node> &parts, Set in, bool forward,
                                           std::vector<Set> &at_barriers) const {
    for (size_t i = 0; i < parts.size(); ++i)
        in = flow(parts[forward ? i : parts.size() - 1 - i], std::move(in), forward, at_barriers);
    return in;
}

const std::optional<std::vector<int64_t>> &MemoryOrder::addresses(int access) {
    const auto known = addresses_.find(access);
    if (known != addresses_.end()) return known->second;
    const Access &a = accesses_[access];
    auto elements = thread_addresses(a.index, threads_);
    const int parts = a.bytes / granules_.at(a.buffer);
    if (elements && parts > 1) {
        std::vector<int64_t> granules;
        for (const int64_t element : *elements)
            for (int i = 0; i < parts; ++i) granules.push_back(element * parts + i);
        elements = std::move(granules);
    }
    return addresses_[access] = std::move(elements);
}

bool MemoryOrder::conflict(const Set &before, const Set &after) {
    constexpr int64_t kNobody = -1, kMany = -2;
    struct Users {
        int64_t writer = kNobody, any = kNobody;
    };
    const auto add = [](int64_t &who, int64_t thread) {
        who = who == kNobody || who == thread ? thread : kMany;
    };
    const auto other = [](int64_t who, int64_t thread) { return who != kNobody && who != thread; };

    // Buffers that are on both sides, and written on one.
    std::map<std::string, int> use;  // 1 before, 2 after, 4 written
    for (size_t i = 0; i < accesses_.size(); ++i) {
        if (!before[i] && !after[i]) continue;
        use[accesses_[i].buffer] |= before[i] | after[i] << 1 | accesses_[i].write << 2;
    }
    for (const auto &[buffer, sides] : use) {
        if (sides != 7) continue;
        std::unordered_map<int64_t, Users> users;
        for (const bool first : {true, false}) {
            for (size_t i = 0; i < accesses_.size(); ++i) {
                const Access &a = accesses_[i];
                if (a.buffer != buffer || !(first ? before : after)[i]) continue;
                const auto &all = addresses(static_cast<int>(i));
                if (!all) return true;
                const auto share = static_cast<int64_t>(all->size()) / threads_.count();
                if (share == 0) continue;  // in a loop without a turn
                for (size_t k = 0; k < all->size(); ++k) {
                    const int64_t thread = static_cast<int64_t>(k) / share;
                    if (first) {
                        Users &u = users[(*all)[k]];
                        add(u.any, thread);
                        if (a.write) add(u.writer, thread);
                        continue;
                    }
                    const auto found = users.find((*all)[k]);
                    if (found == users.end()) continue;
                    if (other(found->second.writer, thread)) return true;
                    if (a.write && other(found->second.any, thread)) return true;
                }
            }
        }
    }
    return false;
}

bool MemoryOrder::is_needed(int barrier) {
    std::vector<Set> before(barriers_, Set(accesses_.size())), after = before;
    flow(root_, Set(accesses_.size()), true, before);
    flow(root_, Set(accesses_.size()), false, after);
    return conflict(before[barrier], after[barrier]);
}

}  // namespace convwright
