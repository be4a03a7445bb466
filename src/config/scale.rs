//! Amounts with a unit, as `20 GiB` or `333ms`: one reader and one printer for sizes, times and rates.

use super::refusal::Refusal;

/// The units of one quantity. Amounts are whole numbers of the base unit, which has factor 1.
pub(super) struct Scale {
    /// What is measured, with its article: `a size`.
    pub quantity: &'static str,
    /// From small to large. An empty name means that a bare number is taken.
    pub units: &'static [(&'static str, u64)],
    /// Stands between number and unit when printed.
    pub space: &'static str,
    pub examples: &'static str,
}

/// Digits after the decimal point; more would name less than one base unit of any scale.
const MAX_DECIMALS: usize = 12;

impl Scale {
    pub fn read(&self, text: &str) -> Result<u64, Refusal> {
        let refuse = |message: String| Refusal::new(message).hint(format!("for example {}", self.examples));
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let unit = unit.trim_start_matches(' ');
        let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
        let malformed = whole.is_empty() || decimals.contains('.') || number.ends_with('.');
        if malformed || decimals.len() > MAX_DECIMALS {
            return Err(refuse(format!("`{text}` is not {}", self.quantity)));
        }
        let Some((_, factor)) = self.units.iter().find(|(name, _)| *name == unit) else {
            return Err(self.unknown_unit(text, unit));
        };
        let too_large = || refuse(format!("`{text}` is too large to be {}", self.quantity));
        let digits: u128 = format!("{whole}{decimals}").parse().map_err(|_| too_large())?;
        let product = digits.checked_mul(u128::from(*factor)).ok_or_else(too_large)?;
        let divisor = 10u128.pow(decimals.len() as u32);
        if product % divisor != 0 {
            return Err(refuse(format!("`{text}` is finer than the smallest unit of {}", self.quantity)));
        }
        u64::try_from(product / divisor).map_err(|_| too_large())
    }

    fn unknown_unit(&self, text: &str, unit: &str) -> Refusal {
        let mut names = self.units.iter().map(|(name, _)| *name).filter(|name| !name.is_empty());
        if unit.is_empty() {
            return Refusal::new(format!("`{text}` has no unit"))
                .hint(format!("for example {}", self.examples));
        }
        let hint = match names.clone().find(|name| name.eq_ignore_ascii_case(unit)) {
            Some(name) => format!("did you mean `{name}`?"),
            None => {
                let all = names.by_ref().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
                format!("units are {all}; for example {}", self.examples)
            }
        };
        Refusal::new(format!("`{unit}` is not a unit of {}", self.quantity)).hint(hint)
    }

    /// In the unit that gives the smallest whole number, so that it reads back as the same amount.
    pub fn print(&self, amount: u64) -> String {
        let (name, factor) = self
            .units
            .iter()
            .filter(|(_, factor)| amount != 0 && amount.is_multiple_of(*factor))
            .max_by_key(|(_, factor)| *factor)
            .unwrap_or(&self.units[0]);
        let space = if name.is_empty() { "" } else { self.space };
        format!("{}{space}{name}", amount / factor)
    }
}
