// SPDX-License-Identifier: Apache-2.0
#include "codegen/typed_views.h"

namespace convwright {

using namespace Halide;
using namespace Halide::Internal;

namespace {

class Views : public IRMutator {
public:
    Views(const Allocate *allocation, std::map<std::string, Type> &views)
        : allocation_(allocation), views_(views) {}

private:
    using IRMutator::visit;

    std::string view(const std::string &name, Type accessed) {
        const Type type = accessed.element_of();
        if (name != allocation_->name || type == allocation_->type) return name;
        std::ostringstream word;
        word << name << ".as_" << type;
        views_[word.str()] = type;
        return word.str();
    }
    Expr visit(const Load *op) override {
        return Load::make(op->type, view(op->name, op->type), mutate(op->index), op->image,
                          op->param, mutate(op->predicate), op->alignment);
    }
    Stmt visit(const Store *op) override {
        return Store::make(view(op->name, op->value.type()), mutate(op->value), mutate(op->index),
                           op->param, mutate(op->predicate), op->alignment);
    }

    const Allocate *allocation_;
    std::map<std::string, Type> &views_;
};

}  // namespace

Stmt typed_views(const Allocate *allocation, std::map<std::string, Type> &views) {
    return Views(allocation, views).mutate(allocation->body);
}

}  // namespace convwright
