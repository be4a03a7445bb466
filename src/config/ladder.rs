//! The pictures that are encoded: heights with their rates, from high to low.

use super::bit_rate::BitRate;
use super::bounds::Bounds;
use super::given::{Given, Origin, Shape};
use super::key::listed;
use super::problems::Problems;
use super::refusal::Refusal;
use super::suggest;

/// One to [`Ladder::MAX_RUNGS`] rungs; height and rate both fall from rung to rung.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ladder(Vec<Rung>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung {
    /// In pixels, even.
    pub height: u32,
    pub bitrate: BitRate,
}

pub const DEFAULT_LADDER: [Rung; 3] = [
    Rung { height: 1080, bitrate: BitRate::from_kbps(6000) },
    Rung { height: 720, bitrate: BitRate::from_kbps(3000) },
    Rung { height: 360, bitrate: BitRate::from_kbps(800) },
];

const HEIGHT: Bounds<i64> =
    Bounds { low: 144, high: 4320, reason: "what encoders take and screens can show" };
const BITRATE: Bounds<BitRate> = Bounds {
    low: BitRate::from_kbps(100),
    high: BitRate::from_kbps(100_000),
    reason: "less shows nothing but blocks, more than H.264 levels allow",
};

const EXAMPLE: &str = "a rung is { height = 720, bitrate = \"3M\" }";

impl Ladder {
    /// Each rung that is played is a stream to encode; players choose among a handful.
    pub const MAX_RUNGS: usize = 8;

    pub fn rungs(&self) -> &[Rung] {
        &self.0
    }

    /// As TOML.
    pub(super) fn show(&self) -> String {
        listed(
            self.0
                .iter()
                .map(|rung| format!("{{ height = {}, bitrate = \"{}\" }}", rung.height, rung.bitrate)),
        )
    }

    pub(super) fn read(given: &Given, problems: &mut Problems) -> Option<Self> {
        let members = problems.take(&given.origin, given.list())?;
        let mut rungs: Vec<(Rung, &Origin)> = Vec::new();
        for member in &members {
            rungs.extend(read_rung(member, problems).map(|rung| (rung, &member.origin)));
        }
        if members.is_empty() {
            let refusal = Refusal::new("the ladder has no rung");
            problems.report(&given.origin, refusal.hint(format!("at least one; {EXAMPLE}")));
        } else if members.len() > Self::MAX_RUNGS {
            let refusal = Refusal::new(format!("the ladder has {} rungs", members.len()));
            let hint = format!("at most {}: each one watched is a stream to encode", Self::MAX_RUNGS);
            problems.report(&given.origin, refusal.hint(hint));
        }
        rungs.sort_by_key(|(rung, _)| std::cmp::Reverse(rung.height));
        for pair in rungs.windows(2) {
            let [(higher, _), (lower, origin)] = [pair[0], pair[1]];
            if let Err(refusal) = descends(higher, lower) {
                problems.report(origin, refusal);
            }
        }
        let rungs: Vec<Rung> = rungs.into_iter().map(|(rung, _)| rung).collect();
        (!rungs.is_empty()).then_some(Self(rungs))
    }
}

impl Default for Ladder {
    fn default() -> Self {
        Self(DEFAULT_LADDER.to_vec())
    }
}

fn descends(higher: Rung, lower: Rung) -> Result<(), Refusal> {
    if higher.height == lower.height {
        let refusal = Refusal::new(format!("two rungs are {} high", lower.height));
        Err(refusal.hint("one rung for each height: the height is its name in URLs"))
    } else if higher.bitrate <= lower.bitrate {
        let refusal = Refusal::new(format!(
            "the rung of {} takes {}, no less than the {} of the one of {}",
            lower.height, lower.bitrate, higher.bitrate, higher.height
        ));
        Err(refusal.hint("a smaller picture has a lower rate, else no player would choose it"))
    } else {
        Ok(())
    }
}

fn read_rung(given: &Given, problems: &mut Problems) -> Option<Rung> {
    let (mut height, mut bitrate) = (None, None);
    let mut seen = Vec::new();
    for (name, value) in parts(given, problems)? {
        match name.as_str() {
            "height" => height = problems.take(&value.origin, read_height(&value)),
            "bitrate" => {
                let read = value.parse_amount().and_then(|rate| BITRATE.check(rate));
                bitrate = problems.take(&value.origin, read);
            }
            _ => unreachable!("only known keys are parts"),
        }
        seen.push(name);
    }
    for key in RUNG_KEYS {
        if !seen.iter().any(|name| name == key) {
            let refusal = Refusal::new(format!("this rung has no `{key}`"));
            problems.report(&given.origin, refusal.hint(EXAMPLE));
        }
    }
    Some(Rung { height: height?, bitrate: bitrate? })
}

const RUNG_KEYS: [&str; 2] = ["height", "bitrate"];

/// The known keys of a rung's table; outside the file, the halves of `720:3M`.
fn parts(given: &Given, problems: &mut Problems) -> Option<Vec<(String, Given)>> {
    if let (Shape::Text(text), Origin::Variable(_) | Origin::Argument(_)) = (&given.shape, &given.origin) {
        let halves = text.split_once(':').ok_or_else(|| {
            Refusal::new(format!("`{text}` is not a rung")).hint("height:bitrate, as in 1080:6M,720:3M")
        });
        let (height, bitrate) = problems.take(&given.origin, halves)?;
        let part = |key: &str, text: &str| (key.to_owned(), Given::text(text, given.origin.clone()));
        return Some(vec![part("height", height), part("bitrate", bitrate)]);
    }
    let entries = problems.take(&given.origin, given.table().map_err(|refusal| refusal.hint(EXAMPLE)))?;
    let mut parts = Vec::new();
    for entry in entries {
        if RUNG_KEYS.contains(&entry.key.as_str()) {
            parts.push((entry.key.clone(), entry.value.clone()));
        } else {
            let refusal = Refusal::new(format!("unknown key `{}` in a rung of the ladder", entry.key));
            problems.report(&entry.key_origin, refusal.hint(suggest::one_of(&entry.key, RUNG_KEYS)));
        }
    }
    Some(parts)
}

fn read_height(given: &Given) -> Result<u32, Refusal> {
    let height = HEIGHT.check(given.as_integer()?)?;
    if height % 2 != 0 {
        let hint = "even numbers only: chroma has half the lines";
        return Err(Refusal::new(format!("`{height}` is odd")).hint(hint));
    }
    Ok(height as u32)
}
