// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Scalar models of approximate float32 multipliers: the specification that every fast form equals
/// bit for bit. bfloat16 variants are these on operands through truncate_to_bf16; results stay
/// float32. Pure functions: thread-safe, no errors; a*b is the IEEE product, rounded to nearest,
/// ties to even. Significand: 24 bits with the implicit one.
///
/// All models, in this order:
/// - An operand that is inf or nan: a*b of the operands as given, so 0*inf is nan. The payload of a
///   nan is not part of the model.
/// - An operand that is zero or subnormal: the product is +0 in the log family, Ax-FPM and ROBA;
///   the transforms pass it through and have the IEEE product.
/// - Overflow and underflow of the result: as each family says.
namespace convwright {

/// The upper half of a float32, toward zero. A nan stays a nan.
float truncate_to_bf16(float a);

// Log family. With P = sign * 2^exponent of an operand and x, y the fractions, g = 1+x+y, or 2(x+y)
// where the fractions carry: the product is Pa*Pb*g plus a correction, truncated to float32.
// Underflow: a result below the least normal number is +0. Overflow: a result of 2^128 or more is
// a*b of the operands as given, which is infinite or, where the model is too large, finite.

/// bits(a) + bits(b) - bits(1): Mitchell 1962, no correction; exact.
float mitchell_f32(float a, float b);

/// PAM: Kosson and Jaggi, "Multiplication-Free Transformer Training via Piecewise Affine
/// Operations", arXiv 2305.17190. The same function as mitchell_f32. Its derivative by a is Pb, or
/// 2 Pb where the fractions carry: a signed power of two.
float pam_f32(float a, float b);

/// MBM: Saadat et al., IEEE TCAD 37(11), 2018, doi 10.1109/TCAD.2018.2857262. The correction is
/// 5/64, left out where it would carry a second time. `t`, 0 to 22: if t > 0, of each fraction the
/// low t bits are cleared and bit t is set; if t > 16, the correction's bits below 2^(t-23) are
/// cleared too.
float mbm_f32(float a, float b, int t);

/// REALM with M = 4: Saadat et al., DATE 2020. As mbm_f32 with t = 0 and a correction that depends
/// on the top two bits of the fractions, kRealm64 / 64.
float realm_f32(float a, float b);

/// L-Mul: Luo and Sun, "Addition is All You Need", arXiv 2410.00907. Fractions are truncated to m =
/// `mantissa_bits`, 1 to 23, and the correction 2^-l, l = m for m <= 3, 3 for m = 4, else 4, is
/// added to the bits of Mitchell's product: it counts double where the fractions carry.
float lmul_f32(float a, float b, int mantissa_bits = 23);

// Operand transforms: the IEEE product a'*b' of operands transformed once, so that a transform
// followed by the exact convolution is the same, bit for bit, as the exact convolution of a' and
// b'. Up to 12 bits are exact in a'*b' (unless it underflows), and a fused multiply-add then equals
// product-then-add; with more bits it does not round the product first, as in any exact
// convolution. Overflow, underflow: as IEEE has it, gradual. A transform keeps sign and exponent;
// zero, subnormal numbers, inf and nan pass through, so with all 24 bits the model is exact.

/// DRUM-k (Hashemi, Bahar, Reda, ICCAD 2015) on the significand: its top k bits, the lowest of them
/// set; k from 1, from 24 on the operand is kept as it is.
float drum_operand_f32(float a, int k);
float drum_f32(float a, float b, int k);

/// The top `kept` bits of the significand, from 1; all from 24 on.
float truncate_operand_f32(float a, int kept);
float truncate_f32(float a, float b, int kept);

/// ROBA (Zendegani et al., IEEE TVLSI 25(2), 2017) on the significands: Ar*b + a*Br - Ar*Br with
/// Ar, Br the powers of two nearest to a and b in magnitude, ties up. The sum is exact and rounded
/// once, to nearest, ties to even; overflow and underflow as IEEE has it, gradual. A form of three
/// float32 products meets the infinite power 2^128 where an operand is 1.5 * 2^127 or more.
float roba_f32(float a, float b);

/// Ax-FPM: Guesmi et al., "Defensive Approximation", ASPLOS 2021. P = ama5_unsigned(24, A, B) of
/// the significands of `activation` and `weight`: not symmetric. The biased exponent is ea + eb -
/// 127 + 1 whatever P; the fraction is the 23 bits below P's leading one, bit 47 or 48, truncated.
/// A product with bit 48 is thus halved, as the original has it. Operands below 1e-36 in magnitude
/// count as zero. A biased exponent below 1 gives +0 and one from 255 on an infinity with the
/// product's sign (the original caps the exponent at 255).
float ax_fpm_f32(float activation, float weight);

}  // namespace convwright
