// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

/// Scalar models of approximate integer multipliers: the specification that every fast form equals
/// bit for bit. Operands are unsigned numbers of `bits` bits, 8 to 32, below 2^bits; products fit
/// 64 bits. Signed numbers are sign-magnitude around these cores, so |-128| = 128 is an 8-bit
/// operand. A product with zero is zero. Pure functions: thread-safe, no errors.
namespace convwright {

// Logarithmic: with a = 2^k1 (1+x), b = 2^k2 (1+y), the product is 2^(k1+k2) times 1+x+y, or 2(x+y)
// where the fractions carry, plus a correction. Bits below the lowest one are dropped.

/// J. N. Mitchell, "Computer Multiplication and Division Using Binary Logarithms", IRE Trans.
/// EC-11, 1962: no correction. `t` > 0, below bits - 1: of each fraction, held in bits - 1 bits,
/// the low t bits are cleared and bit t is set.
uint64_t mitchell_unsigned(int bits, uint64_t a, uint64_t b, int t = 0);

/// MBM: Saadat, Bokhari, Parameswaran, IEEE TCAD 37(11), 2018, doi 10.1109/TCAD.2018.2857262. The
/// correction is 5/64 of 2^(k1+k2), left out where it would carry a second time. `t` as in
/// mitchell_unsigned; the correction keeps all its bits.
uint64_t mbm_unsigned(int bits, uint64_t a, uint64_t b, int t);

/// REALM with M = 4: Saadat, Javaid, Ignjatovic, Parameswaran, DATE 2020. As mbm_unsigned with t =
/// 0 and the correction kRealm64[i][j] / 64; i, j are the top two bits of the fractions.
uint64_t realm_unsigned(int bits, uint64_t a, uint64_t b);

/// 64 times REALM's corrections for M = 4.
inline constexpr int kRealm64[4][4] = {{1, 3, 5, 4}, {3, 9, 12, 5}, {5, 12, 9, 3}, {4, 5, 3, 1}};

// Operand transforms: the product is that of the transformed operands, exactly.

/// DRUM-k: Hashemi, Bahar, Reda, ICCAD 2015. The k bits from the leading one down, the lowest of
/// them set; an operand of at most k bits is kept as it is. k from 1.
uint64_t drum_operand(int k, uint64_t a);
uint64_t drum_unsigned(int k, uint64_t a, uint64_t b);

/// The top `kept` of `bits` bits at fixed places, the others zero; all where kept >= bits. kept
/// from 1.
uint64_t truncate_operand(int bits, int kept, uint64_t a);
uint64_t truncate_unsigned(int bits, int kept, uint64_t a, uint64_t b);

/// SSM-m: Narayanamoorthy, Moghaddam, Liu, Park, Kim, IEEE TVLSI 23(6), 2015. The top m bits if any
/// bit above the low m is set, else the low m bits; m from bits/2 to bits, so that one of the two
/// segments holds the leading one.
uint64_t ssm_operand(int bits, int m, uint64_t a);
uint64_t ssm_unsigned(int bits, int m, uint64_t a, uint64_t b);

// Sums of few products of one-operand functions.

/// The power of two nearest to a > 0, ties up: 3 -> 4, 5 -> 4, 6 -> 8.
uint64_t nearest_power_of_two(uint64_t a);

/// ROBA: Zendegani, Kamal, Bahadori, Afzali-Kusha, Pedram, IEEE TVLSI 25(2), 2017. Ar*b + a*Br -
/// Ar*Br with Ar, Br the nearest powers of two.
uint64_t roba_unsigned(uint64_t a, uint64_t b);

/// Array multiplier of AMA5 adders: Guesmi et al., "Defensive Approximation", ASPLOS 2021. Of each
/// hexadecimal digit of `a` (the activation) the lowest bit multiplies b; the other three multiply
/// the lowest bits of the digits of b >> 3. Not symmetric. `bits` 4 to 24, a multiple of 4; the
/// product may have bits of more than 2 * bits.
uint64_t ama5_unsigned(int bits, uint64_t a, uint64_t b);
uint64_t ama5_unsigned8(uint64_t a, uint64_t b);

}  // namespace convwright
