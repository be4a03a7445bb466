//! Every layout of loudspeakers as stereo: by how much each channel is heard on the left and on the right.
//!
//! Rec. ITU-R BS.775-3 annex 4 table 2: the centre and the surrounds are 3 dB down, a single surround 6 dB. What it does
//! not say: pairs of surrounds that share a side share its power too, and the low-frequency effects are left out, as
//! their channel may be without them (BS.775-3 annex 7). Where anything is added to the front, all of it is 3 dB down:
//! dialogue is heard louder than a matrix leaves it that can never clip, and only what is loud everywhere at once, by
//! more than 4.6 dB, clips. Mono is as loud on each side as it was, and stereo is stereo.

use std::f32::consts::FRAC_1_SQRT_2;

/// Left and right.
type Shares = [f32; 2];

/// For each channel, in the order of the bits of `mask` (those of `GstAudioChannelPosition`), its shares of
/// left and right. Without a place for each channel in `mask` the layout is the usual one for their number.
pub fn stereo_mix(channels: u32, mask: u64) -> Vec<Shares> {
    match channels {
        1 => return vec![[1.0, 1.0]],
        2 => return vec![[1.0, 0.0], [0.0, 1.0]],
        _ => {}
    }
    let mask = if mask.count_ones() == channels { mask } else { usual(channels) };
    let places: Vec<Place> = (0..u64::BITS).filter(|bit| mask >> bit & 1 == 1).map(Place::of_bit).collect();
    let surrounds = |place| places.iter().filter(|other| **other == place).count().max(1) as f32;
    let pairs = surrounds(Place::LeftSurround).max(surrounds(Place::RightSurround));
    let mut shares: Vec<Shares> = places.iter().map(|place| place.shares(pairs)).collect();
    let sum = |side: usize| shares.iter().map(|share| share[side]).sum::<f32>();
    if sum(0).max(sum(1)) > 1.0 {
        shares.iter_mut().flatten().for_each(|share| *share *= FRAC_1_SQRT_2);
    }
    // More channels than places that anybody knows.
    shares.resize(channels as usize, [0.0; 2]);
    shares
}

/// 2.1, quad, 5.0, 5.1, 6.1 and 7.1, as GStreamer takes them for granted.
fn usual(channels: u32) -> u64 {
    match channels {
        3 => 0x00b,
        4 => 0x033,
        5 => 0x037,
        6 => 0x03f,
        7 => 0x13f,
        _ => 0xc3f,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Left,
    Right,
    Centre,
    /// Half-way between centre and left, or right.
    LeftOfCentre,
    RightOfCentre,
    LowFrequency,
    LeftSurround,
    RightSurround,
    /// Behind, or above: neither left nor right, and not in front.
    Surround,
}

impl Place {
    fn of_bit(bit: u32) -> Self {
        match bit {
            0 => Self::Left,
            1 => Self::Right,
            2 => Self::Centre,
            3 | 9 => Self::LowFrequency,
            6 => Self::LeftOfCentre,
            7 => Self::RightOfCentre,
            // Rear, side, top front, top rear, top side, bottom front, wide and surround.
            4 | 10 | 12 | 16 | 18 | 22 | 24 | 26 => Self::LeftSurround,
            5 | 11 | 13 | 17 | 19 | 23 | 25 | 27 => Self::RightSurround,
            _ => Self::Surround,
        }
    }

    fn shares(self, pairs_of_surrounds: f32) -> Shares {
        let near = std::f32::consts::FRAC_PI_8.cos();
        let far = std::f32::consts::FRAC_PI_8.sin();
        let surround = FRAC_1_SQRT_2 / pairs_of_surrounds.sqrt();
        match self {
            Self::Left => [1.0, 0.0],
            Self::Right => [0.0, 1.0],
            Self::Centre => [FRAC_1_SQRT_2; 2],
            Self::LeftOfCentre => [near, far],
            Self::RightOfCentre => [far, near],
            Self::LowFrequency => [0.0; 2],
            Self::LeftSurround => [surround, 0.0],
            Self::RightSurround => [0.0, surround],
            Self::Surround => [0.5; 2],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const H: f32 = FRAC_1_SQRT_2;

    fn near(found: &[Shares], expected: &[Shares]) {
        assert_eq!(found.len(), expected.len(), "{found:?}");
        let off = found.iter().flatten().zip(expected.iter().flatten()).map(|(a, b)| (a - b).abs());
        assert!(off.fold(0.0, f32::max) < 1e-6, "{found:?}, not {expected:?}");
    }

    /// Shares before all of it is 3 dB down.
    fn scaled(channels: u32, mask: u64, expected: &[Shares]) {
        let expected: Vec<Shares> = expected.iter().map(|share| share.map(|value| value * H)).collect();
        near(&stereo_mix(channels, mask), &expected);
    }

    const L: Shares = [1.0, 0.0];
    const R: Shares = [0.0, 1.0];
    const C: Shares = [H; 2];
    const LFE: Shares = [0.0; 2];
    const LS: Shares = [H, 0.0];
    const RS: Shares = [0.0, H];
    const S: Shares = [0.5; 2];
    const HALF_LS: Shares = [0.5, 0.0];
    const HALF_RS: Shares = [0.0, 0.5];

    #[test]
    fn what_is_mono_or_stereo_keeps_its_level() {
        near(&stereo_mix(1, 0x4), &[[1.0, 1.0]]);
        near(&stereo_mix(1, 0), &[[1.0, 1.0]]);
        near(&stereo_mix(2, 0x3), &[L, R]);
        near(&stereo_mix(2, 0), &[L, R]);
        // 2.1: nothing is added to the front.
        near(&stereo_mix(3, 0x00b), &[L, R, LFE]);
    }

    #[test]
    fn surround_is_mixed_as_bs775_says_and_3_db_down() {
        scaled(3, 0x007, &[L, R, C]);
        scaled(3, 0x103, &[L, R, S]);
        scaled(4, 0x107, &[L, R, C, S]);
        scaled(4, 0x033, &[L, R, LS, RS]);
        scaled(4, 0xc03, &[L, R, LS, RS]);
        scaled(4, 0x00f, &[L, R, C, LFE]);
        scaled(5, 0x037, &[L, R, C, LS, RS]);
        scaled(5, 0xc07, &[L, R, C, LS, RS]);
        scaled(5, 0x10f, &[L, R, C, LFE, S]);
        scaled(6, 0x03f, &[L, R, C, LFE, LS, RS]);
        scaled(6, 0xc0f, &[L, R, C, LFE, LS, RS]);
        scaled(7, 0xd0f, &[L, R, C, LFE, S, LS, RS]);
        scaled(8, 0xc3f, &[L, R, C, LFE, HALF_LS, HALF_RS, HALF_LS, HALF_RS]);
    }

    #[test]
    fn what_stands_between_two_loudspeakers_keeps_its_power() {
        let wide = stereo_mix(8, 0x0ff);
        let power = |share: &Shares| share.iter().map(|value| value * value).sum::<f32>();
        assert!(wide[6][0] > wide[6][1] && wide[6][0].to_bits() == wide[7][1].to_bits(), "{wide:?}");
        assert!((power(&wide[6]) - power(&wide[0])).abs() < 1e-6, "{wide:?}");
    }

    #[test]
    fn channels_without_places_are_in_the_usual_ones() {
        for (channels, mask) in [(3, 0x00b), (4, 0x033), (5, 0x037), (6, 0x03f), (7, 0x13f), (8, 0xc3f)] {
            near(&stereo_mix(channels, 0), &stereo_mix(channels, mask));
        }
        assert_eq!(stereo_mix(12, 0).len(), 12);
    }

    #[test]
    fn left_and_right_are_alike_in_every_layout() {
        // Pairs of bits that lie on either side of each other, and those in the middle.
        const MIRRORED: [(u32, u32); 11] = [
            (0, 1),
            (4, 5),
            (6, 7),
            (10, 11),
            (12, 13),
            (16, 17),
            (18, 19),
            (22, 23),
            (24, 25),
            (26, 27),
            (2, 2),
        ];
        let all = MIRRORED.iter().fold(0u64, |mask, (left, right)| mask | 1 << left | 1 << right);
        let mix = stereo_mix(all.count_ones(), all);
        let share = |bit: u32| mix[(all & ((1 << bit) - 1)).count_ones() as usize];
        for (left, right) in MIRRORED {
            let [a, b] = share(left);
            near(&[share(right)], &[[b, a]]);
        }
    }
}
