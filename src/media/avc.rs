//! What every H.264 encoder of a rung has to say of itself: the parameter sets (ITU-T H.264 sections 7.3.2.1 and
//! E.1.1) and the configuration record (ISO/IEC 14496-15 section 5.3.3.1), so that segments of one encoder may
//! follow those of another behind one init segment.

use super::bits::{BitReader, BitWriter, escaped, unescaped};
use super::info::Colour;
use super::nal;

const BASELINE: u32 = 66;
const MAIN: u32 = 77;
/// constraint_set1_flag: a decoder of the main profile decodes it.
const CONSTRAINT_MAIN: u32 = 0x40;
/// NAL unit types of table 7-1.
const SPS: u8 = 7;
const PPS: u8 = 8;
const DELIMITER: u8 = 9;

/// The first four bytes of the configuration record of every rung: version, main profile, its constraint flags
/// and the level (× 10).
pub const fn record_head(level: u8) -> [u8; 4] {
    [1, MAIN as u8, CONSTRAINT_MAIN as u8, level]
}

/// What a rung promises in playlists and in its init segment, whoever encodes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promise {
    /// × 10.
    pub level: u8,
    pub width: u32,
    pub height: u32,
    pub colour: Colour,
}

/// How an encoder's stream is not what its rung promises.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    #[error("its profile is {0}, which a decoder of the main profile does not decode")]
    Profile(u32),
    #[error("it refers to {made} pictures, a decoder of the rung's level keeps {kept}")]
    References { made: u32, kept: u32 },
    #[error("its pictures are {width}x{height}, not those of the rung")]
    Size { width: u32, height: u32 },
    #[error("it codes fields")]
    Interlaced,
    #[error("its parameter sets cannot be read")]
    Damaged,
}

impl Promise {
    /// The configuration record: the encoder's sets under the rung's profile and level.
    pub fn record(&self, config: &[u8]) -> Result<Vec<u8>, Misfit> {
        let sets = nal::parameter_sets("h264", config).ok_or(Misfit::Damaged)?;
        let mut record = record_head(self.level).to_vec();
        // Lengths of four bytes; reserved bits are ones.
        record.push(0xff);
        for (kind, reserved) in [(SPS, 0xe0), (PPS, 0)] {
            let of_kind = || nal::units(&sets).filter(|unit| unit_type(unit) == Some(kind));
            record.push(reserved | (of_kind().count() & 0x1f) as u8);
            for unit in of_kind() {
                let unit = self.unit(unit)?;
                record.extend(u16::try_from(unit.len()).map_err(|_| Misfit::Damaged)?.to_be_bytes());
                record.extend(unit);
            }
        }
        Ok(record)
    }

    /// A random access point with parameter sets in it: its own, or those of `record`.
    pub fn with_sets(&self, record: &[u8], sample: &[u8]) -> Result<Vec<u8>, Misfit> {
        let mut whole = Vec::with_capacity(sample.len() + 64);
        let mut missing = !nal::starts_with_parameter_set("h264", sample);
        for unit in nal::units(sample) {
            // A delimiter stays in front of everything (section 7.4.1.2.3).
            if missing && unit_type(unit) != Some(DELIMITER) {
                whole.extend(nal::parameter_sets("h264", record).ok_or(Misfit::Damaged)?);
                missing = false;
            }
            nal::append(&mut whole, &self.unit(unit)?);
        }
        Ok(whole)
    }

    /// The unit as it is, or the sequence parameter set as the rung's.
    fn unit(&self, unit: &[u8]) -> Result<Vec<u8>, Misfit> {
        match (unit_type(unit), unit) {
            (Some(SPS), [header, payload @ ..]) => {
                let mut made = vec![*header];
                made.extend(escaped(&self.sequence(&unescaped(payload))?));
                Ok(made)
            }
            _ => Ok(unit.to_vec()),
        }
    }

    /// `seq_parameter_set_data`, under the rung's profile, level and colour, and with the word that no picture is
    /// shown out of order. Everything else is the encoder's.
    fn sequence(&self, payload: &[u8]) -> Result<Vec<u8>, Misfit> {
        let mut copy = Copy { from: BitReader::new(payload), to: BitWriter::default() };
        // The level is what the rung needs, whatever the encoder thinks: size, rate and bits are the rung's.
        let (profile, constraints, _level) = (copy.read(8)?, copy.read(8)?, copy.read(8)?);
        if profile != MAIN && (profile != BASELINE || constraints & CONSTRAINT_MAIN == 0) {
            return Err(Misfit::Profile(profile));
        }
        record_head(self.level)[1..].iter().for_each(|byte| copy.to.bits(8, u32::from(*byte)));
        let references = copy.up_to_size(self)?;
        let kept = kept_pictures(self);
        if references > kept {
            return Err(Misfit::References { made: references, kept });
        }
        let described = copy.read(1)? == 1;
        copy.to.bit(true);
        copy.usability(described, &self.colour, references)?;
        Ok(copy.to.finish())
    }
}

/// How many pictures of a rung a decoder of its level keeps: MaxDpbFrames of section A.3.1, from table A-1.
fn kept_pictures(rung: &Promise) -> u32 {
    let blocks = match rung.level {
        ..=10 => 396,
        11 => 900,
        12..=20 => 2_376,
        21 => 4_752,
        22..=30 => 8_100,
        31 => 18_000,
        32 => 20_480,
        40 | 41 => 32_768,
        42 => 34_816,
        50 => 110_400,
        51 | 52 => 184_320,
        _ => 696_320,
    };
    let picture = rung.width.div_ceil(16) * rung.height.div_ceil(16);
    (blocks / picture.max(1)).min(16)
}

fn unit_type(unit: &[u8]) -> Option<u8> {
    unit.first().map(|header| header & 0x1f)
}

/// Reads one parameter set and writes another.
struct Copy<'a> {
    from: BitReader<'a>,
    to: BitWriter,
}

impl Copy<'_> {
    fn read(&mut self, count: u32) -> Result<u32, Misfit> {
        self.from.bits(count).ok_or(Misfit::Damaged)
    }

    fn read_golomb(&mut self) -> Result<u32, Misfit> {
        self.from.exp_golomb().ok_or(Misfit::Damaged)
    }

    fn bits(&mut self, count: u32) -> Result<u32, Misfit> {
        let value = self.read(count)?;
        self.to.bits(count, value);
        Ok(value)
    }

    fn flag(&mut self) -> Result<bool, Misfit> {
        Ok(self.bits(1)? == 1)
    }

    /// Signed codes are copied as what they are coded as.
    fn golomb(&mut self) -> Result<u32, Misfit> {
        let value = self.read_golomb()?;
        self.to.exp_golomb(value);
        Ok(value)
    }

    /// From the set's id to the cropping; max_num_ref_frames.
    fn up_to_size(&mut self, promise: &Promise) -> Result<u32, Misfit> {
        let (_id, _frame_num_bits) = (self.golomb()?, self.golomb()?);
        match self.golomb()? {
            0 => drop(self.golomb()?),
            1 => {
                let _always_zero = self.flag()?;
                let _offsets = (self.golomb()?, self.golomb()?);
                let cycle = self.golomb()?;
                (0..cycle).try_for_each(|_| self.golomb().map(drop))?;
            }
            _ => {}
        }
        let references = self.golomb()?;
        let _gaps = self.flag()?;
        let (columns, rows) = (self.golomb()?, self.golomb()?);
        if !self.flag()? {
            return Err(Misfit::Interlaced);
        }
        let _direct_8x8 = self.flag()?;
        let mut cropped = [0; 4];
        if self.flag()? {
            for side in &mut cropped {
                *side = self.golomb()?;
            }
        }
        // Macroblocks of 16, cropped in steps of two: chroma is halved both ways.
        let pixels = |blocks: u32, sides: &[u32]| {
            let cut = sides.iter().fold(0_u32, |sum, side| sum.saturating_add(*side));
            blocks.saturating_add(1).saturating_mul(16).saturating_sub(cut.saturating_mul(2))
        };
        let (width, height) = (pixels(columns, &cropped[..2]), pixels(rows, &cropped[2..]));
        if (width, height) != (promise.width, promise.height) {
            return Err(Misfit::Size { width, height });
        }
        Ok(references)
    }

    /// `vui_parameters`; with `described` the encoder wrote some.
    fn usability(&mut self, described: bool, colour: &Colour, references: u32) -> Result<(), Misfit> {
        let given = described && self.flag()?;
        if !described {
            self.to.bit(false);
        }
        const EXTENDED_SAR: u32 = 255;
        if given && self.bits(8)? == EXTENDED_SAR {
            self.bits(32)?;
        }
        self.optional(described, |copy| copy.flag().map(drop))?;
        self.signal(described, colour)?;
        self.optional(described, |copy| copy.golomb().and(copy.golomb()).map(drop))?;
        self.optional(described, |copy| copy.bits(32).and(copy.bits(32)).and(copy.bits(1)).map(drop))?;
        let network = self.optional(described, Self::reference_decoder)?;
        let video = self.optional(described, Self::reference_decoder)?;
        if network || video {
            self.flag()?;
        }
        if described {
            self.flag()?;
        } else {
            self.to.bit(false);
        }
        self.restriction(described, references)
    }

    /// A flag and what follows it when it is set.
    fn optional(
        &mut self,
        described: bool,
        then: impl FnOnce(&mut Self) -> Result<(), Misfit>,
    ) -> Result<bool, Misfit> {
        if !described {
            self.to.bit(false);
            return Ok(false);
        }
        let present = self.flag()?;
        if present {
            then(self)?;
        }
        Ok(present)
    }

    /// `video_signal_type_present_flag` and after: the rung's colour, not what the encoder knows of it.
    fn signal(&mut self, described: bool, colour: &Colour) -> Result<(), Misfit> {
        const FORMAT_UNSPECIFIED: u32 = 5;
        if described && self.read(1)? == 1 {
            self.read(4)?;
            if self.read(1)? == 1 {
                self.read(24)?;
            }
        }
        self.to.bit(true);
        self.to.bits(3, FORMAT_UNSPECIFIED);
        self.to.bit(colour.full_range);
        self.to.bit(true);
        [colour.primaries, colour.transfer, colour.matrix]
            .into_iter()
            .for_each(|code| self.to.bits(8, u32::from(code)));
        Ok(())
    }

    /// `hrd_parameters` (section E.1.2).
    fn reference_decoder(&mut self) -> Result<(), Misfit> {
        let count = self.golomb()?;
        self.bits(8)?;
        for _ in 0..=count {
            self.golomb()?;
            self.golomb()?;
            self.flag()?;
        }
        self.bits(20).map(drop)
    }

    /// `bitstream_restriction_flag` and after: nothing is reordered, so that decoders show each picture at once.
    fn restriction(&mut self, described: bool, references: u32) -> Result<(), Misfit> {
        self.to.bit(true);
        let mut held = 0;
        if described && self.read(1)? == 1 {
            self.flag()?;
            for _ in 0..4 {
                self.golomb()?;
            }
            let _reordered = self.read_golomb()?;
            held = self.read_golomb()?;
        } else {
            // What is inferred where nothing is said (section E.2.1).
            self.to.bit(true);
            [2, 1, 16, 16].into_iter().for_each(|value| self.to.exp_golomb(value));
        }
        self.to.exp_golomb(0);
        self.to.exp_golomb(held.max(references));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Of 640x360 at level 3, as x264 and openh264 (asked for main, and for constrained baseline) write them.
    const X264: &str = "674d401eda0280bfe5c05a83030320000003002000000651e2c5d4";
    const OPENH264: &str = "674d4c1e8c8d405017fcb00f08846a";
    const OPENH264_BASELINE: &str = "6742c01e8c8d405017fcb00f08846a";
    const HIGH: &str = "67640c1eac191a80a02ff9601e1108d4";
    const PICTURE_SET: &str = "68ce3c80";

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u32> = text.chars().filter_map(|digit| digit.to_digit(16)).collect();
        digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
    }

    fn rung() -> Promise {
        let colour =
            Colour { primaries: 6, transfer: 6, matrix: 6, full_range: false, hdr: None, peak: None };
        Promise { level: 30, width: 640, height: 360, colour }
    }

    fn config(sequence: &[u8]) -> Vec<u8> {
        let mut config = vec![1, sequence[1], sequence[2], sequence[3], 0xff, 0xe1, 0, sequence.len() as u8];
        config.extend(sequence);
        config.extend([1, 0, 4]);
        config.extend(hex(PICTURE_SET));
        config
    }

    /// `ffmpeg -bsf:v trace_headers` reads these as main, level 3, colours 6 6 6, nothing reordered.
    #[test]
    fn every_encoder_gets_the_sequence_parameter_set_of_the_rung() {
        let rung = rung();
        let own = rung.unit(&hex(X264)).expect("it fits");
        assert_eq!(own, hex(X264), "x264 says all of it by itself");
        let other = rung.unit(&hex(OPENH264)).expect("it fits");
        assert_eq!(other, hex("674d401e8c8d405017fcb35060606078442350"));
        assert_eq!(rung.unit(&hex(OPENH264_BASELINE)).expect("it fits"), other);
        assert_eq!(rung.unit(&other).expect("it fits"), other, "once more changes nothing");
    }

    #[test]
    fn the_record_is_the_rungs_whichever_encoder_came_first() {
        for sequence in [X264, OPENH264, OPENH264_BASELINE] {
            let record = rung().record(&config(&hex(sequence))).expect("it fits");
            assert_eq!(record[..6], [1, 0x4d, 0x40, 30, 0xff, 0xe1], "{sequence}");
            let sets = nal::parameter_sets("h264", &record).expect("sets");
            let kinds: Vec<_> = nal::units(&sets).map(unit_type).collect();
            assert_eq!(kinds, [Some(SPS), Some(PPS)], "{sequence}");
        }
    }

    #[test]
    fn a_random_access_point_brings_its_sets_behind_the_delimiter() {
        let rung = rung();
        let record = rung.record(&config(&hex(OPENH264))).expect("it fits");
        let kinds = |sample: &[u8]| -> Vec<u8> { nal::units(sample).filter_map(unit_type).collect() };
        let sample = |units: &[&[u8]]| {
            let mut sample = Vec::new();
            units.iter().for_each(|unit| nal::append(&mut sample, unit));
            sample
        };
        let bare = sample(&[&[9, 0xf0], &[0x65, 1]]);
        assert_eq!(kinds(&rung.with_sets(&record, &bare).expect("it fits")), [9, 7, 8, 5]);
        let whole = sample(&[&hex(OPENH264_BASELINE), &hex(PICTURE_SET), &[0x65, 1]]);
        let made = rung.with_sets(&record, &whole).expect("it fits");
        assert_eq!(kinds(&made), [7, 8, 5]);
        assert_eq!(nal::units(&made).next().expect("a unit")[1..4], [0x4d, 0x40, 30]);
    }

    #[test]
    fn an_encoder_may_take_its_pictures_for_those_of_another_level() {
        let rung = rung();
        for level in ["4d401f", "4d4033", "4d400a"] {
            let unit = rung.unit(&hex(&X264.replace("4d401e", level))).expect("it fits");
            assert_eq!(unit, hex(X264), "{level}");
        }
    }

    #[test]
    fn what_the_init_segment_does_not_cover_is_refused() {
        let rung = rung();
        let refused = |sequence: &str| rung.record(&config(&hex(sequence))).expect_err("a misfit");
        assert_eq!(refused(HIGH), Misfit::Profile(100));
        assert_eq!(refused(&OPENH264_BASELINE.replace("6742c0", "674280")), Misfit::Profile(66));
        // One picture of these is all that level 1 keeps.
        let flat = Promise { level: 10, ..rung.clone() };
        let references = Misfit::References { made: 1, kept: 0 };
        assert_eq!(flat.record(&config(&hex(X264))), Err(references));
        let smaller = Promise { height: 352, ..rung.clone() };
        let size = Misfit::Size { width: 640, height: 360 };
        assert_eq!(smaller.record(&config(&hex(X264))), Err(size));
        assert_eq!(refused("674d401e8c8d"), Misfit::Damaged);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_fail_otherwise(payload in prop::collection::vec(any::<u8>(), 0..60)) {
            let mut unit = hex("674d401e");
            unit.extend(payload);
            let _fits_or_not = rung().unit(&unit);
        }
    }
}
