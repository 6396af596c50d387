// SPDX-License-Identifier: Apache-2.0
// The small pipelines as ordinary Generators: host object and CUDA C++ text of each.
#include "codegen/cuda_backend.h"
#include "tests/codegen/mma_pipelines.h"
#include "tests/codegen/small_pipelines.h"

namespace convwright {

using Halide::GeneratorParam;

template<typename Pipeline>
class CudaGenerator : public Halide::Generator<Pipeline> {
public:
    GeneratorParam<std::string> cuda_{"cuda", ""};  // path of the text

    GeneratorParam<bool> async_{"async", false};
    GeneratorParam<bool> contract_{"contract", true};
    GeneratorParam<int> stages_{"stages", 1};

    void schedule() {
        CudaOptions options = cuda_options(cuda_);
        options.async_copies = async_;
        options.stages = stages_;
        options.contract = contract_;
        offload_to_cuda(this->get_pipeline(), options);
    }

protected:
    template<typename Matrix>
    static void dense(Matrix &matrix, int alignment) {
        matrix.set_host_alignment(alignment);
        matrix.dim(0).set_min(0);
        for (int d = 1; d < matrix.dimensions(); ++d) {
            matrix.dim(d).set_min(0);
            // Rows begin at a multiple of 16 bytes.
            if (alignment > 4) matrix.dim(d).set_stride((matrix.dim(d).stride() / 4) * 4);
        }
    }
};

class SmallAdd : public CudaGenerator<SmallAdd> {
public:
    GeneratorParam<int> vector_{"vector", 1};
    Input<Buffer<float, 1>> a_{"a"}, b_{"b"};
    Input<float> scale_{"scale"};
    Output<Buffer<float, 1>> out_{"out"};

    void generate() {
        out_ = small::Add(a_, b_, scale_, vector_).out;
        for (auto *buffer : {&a_, &b_}) dense(*buffer, 4 * vector_);
        dense(out_, 4 * vector_);
    }
};

class SmallTypes : public CudaGenerator<SmallTypes> {
public:
    Input<Buffer<Halide::float16_t, 1>> half_{"half"};
    Input<Buffer<Halide::bfloat16_t, 1>> brain_{"brain"};
    Input<Buffer<uint8_t, 1>> bytes_{"bytes"};
    Output<Func> out_{"out", {Halide::Float(16), Halide::BFloat(16), Halide::Int(32)}, 1};

    void generate() { out_ = small::Types(half_, brain_, bytes_).out; }
};

class SmallStencil : public CudaGenerator<SmallStencil> {
public:
    Input<Buffer<float, 2>> input_{"input"};
    Output<Buffer<float, 2>> out_{"out"};

    void generate() {
        out_ = small::Stencil(input_).out;
        dense(input_, 4);
        dense(out_, 4);
    }
};

class SmallTranspose : public CudaGenerator<SmallTranspose> {
public:
    GeneratorParam<int> row_{"row", 128};
    Input<Buffer<float, 2>> input_{"input"};
    Output<Buffer<float, 2>> out_{"out"};

    void generate() {
        out_ = small::Transpose(input_, row_).out;
        dense(input_, 4);
        dense(out_, 4);
    }
};

class SmallMixed : public CudaGenerator<SmallMixed> {
public:
    Input<Buffer<float, 2>> input_{"input"};
    Input<Buffer<uint8_t, 2>> bytes_{"bytes"};
    Output<Buffer<float, 2>> out_{"out"};

    void generate() { out_ = small::MixedTranspose(input_, bytes_).out; }
};

class SmallSplitSum : public CudaGenerator<SmallSplitSum> {
public:
    Input<Buffer<float, 2>> input_{"input"};
    Output<Buffer<float, 2>> partial_{"partial"};
    Output<Buffer<float, 1>> out_{"out"};

    void generate() {
        small::SplitSum sums(input_);
        partial_ = sums.partial;
        out_ = sums.out;
    }
};

class SmallPadded : public CudaGenerator<SmallPadded> {
public:
    Input<Buffer<float, 2>> input_{"input"};
    Output<Buffer<float, 2>> out_{"out"};

    void generate() {
        out_ = small::PaddedRows(input_, input_.dim(0).extent()).out;
        dense(input_, 16);
        dense(out_, 4);
    }
};

class SmallMma : public CudaGenerator<SmallMma> {
public:
    GeneratorParam<Halide::Type> element_{"element", Halide::Float(32)},
        sum_{"sum", Halide::Float(32)};
    GeneratorParam<bool> k_major_{"k_major", false}, guarded_{"guarded", false};
    Input<Buffer<void, 2>> a_{"a"}, b_{"b"};
    Output<Buffer<void, 2>> out_{"out"};

    void configure() {
        a_.set_type(element_);
        b_.set_type(element_);
        out_.set_type(sum_);
    }
    void generate() {
        const int chunk = 64 / static_cast<Halide::Type>(element_).bytes();
        const Halide::Expr whole = (b_.dim(0).extent() / chunk) * chunk;
        out_ = small::MmaMatmul(a_, b_, whole, sum_, k_major_, guarded_).out;
        b_.dim(0).set_extent(whole);
        for (auto *matrix : {&a_, &b_}) {
            matrix->set_host_alignment(16);
            matrix->dim(0).set_min(0);
            matrix->dim(1).set_min(0).set_stride((matrix->dim(1).stride() / 16) * 16);
        }
        dense(out_, 16);
    }
};

class SmallChunks : public CudaGenerator<SmallChunks> {
public:
    GeneratorParam<bool> unrolled_{"unrolled", true};
    Input<Buffer<float, 2>> input_{"input"};
    Input<Buffer<float, 1>> weight_{"weight"};
    Output<Buffer<float, 1>> out_{"out"};

    void generate() {
        out_ = small::Chunks(input_, weight_, input_.dim(1).extent(), unrolled_).out;
        dense(input_, 16);
        dense(weight_, 4);
        dense(out_, 4);
    }
};

class SmallMatmul : public CudaGenerator<SmallMatmul> {
public:
    Input<Buffer<float, 2>> a_{"a"}, b_{"b"};
    Output<Buffer<float, 2>> out_{"out"};

    void generate() {
        const Halide::Expr whole = (a_.dim(1).extent() / 16) * 16;
        out_ = small::Matmul(a_, b_, whole).out;
        a_.dim(1).set_extent(whole);
        dense(a_, 16);
        dense(b_, 16);
        dense(out_, 16);
    }
};

}  // namespace convwright

HALIDE_REGISTER_GENERATOR(convwright::SmallAdd, small_add)
HALIDE_REGISTER_GENERATOR(convwright::SmallTypes, small_types)
HALIDE_REGISTER_GENERATOR(convwright::SmallStencil, small_stencil)
HALIDE_REGISTER_GENERATOR(convwright::SmallTranspose, small_transpose)
HALIDE_REGISTER_GENERATOR(convwright::SmallMixed, small_mixed)
HALIDE_REGISTER_GENERATOR(convwright::SmallSplitSum, small_split_sum)
HALIDE_REGISTER_GENERATOR(convwright::SmallPadded, small_padded)
HALIDE_REGISTER_GENERATOR(convwright::SmallMma, small_mma)
HALIDE_REGISTER_GENERATOR(convwright::SmallChunks, small_chunks)
HALIDE_REGISTER_GENERATOR(convwright::SmallMatmul, small_matmul)
