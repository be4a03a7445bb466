//! The query of a request. Parameters nobody asks for are ignored: players add their own.

use percent_encoding::percent_decode_str;

use super::path::well_encoded;
use super::problem::{Kind, Problem};

#[derive(Clone, Debug, Default)]
pub struct Query<'a>(pub &'a str);

impl Query<'_> {
    /// The value of `name`, decoded; none too when it is empty. Refused when given twice.
    pub fn get(&self, name: &str) -> Result<Option<String>, Problem> {
        let mut values = self.0.split('&').filter_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (key == name).then_some(value)
        });
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(Problem::new(Kind::BadRequest, format!("`{name}` is given twice")));
        }
        let spaced = value.replace('+', " ");
        let decoded = well_encoded(value).then(|| percent_decode_str(&spaced).decode_utf8().ok()).flatten();
        let decoded = decoded.ok_or_else(|| {
            Problem::new(Kind::BadRequest, format!("`{name}` is not percent-encoded UTF-8"))
        })?;
        Ok(Some(decoded.into_owned()).filter(|value| !value.is_empty()))
    }

    /// The same, read as a `T`; its own error becomes the detail.
    pub fn parse<T>(&self, name: &str) -> Result<Option<T>, Problem>
    where
        T: std::str::FromStr<Err: std::fmt::Display>,
    {
        let parse = |value: String| {
            value.parse().map_err(|error| Problem::new(Kind::BadRequest, format!("`{name}`: {error}")))
        };
        self.get(name)?.map(parse).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_found_and_decoded() {
        let query = Query("q=a+b%C3%A9%2B&limit=7&empty=&flag&x=%");
        assert_eq!(query.get("q").unwrap().unwrap(), "a bé+");
        assert_eq!(query.parse::<usize>("limit").unwrap(), Some(7));
        for absent in ["empty", "flag", "nothing", "lim"] {
            assert_eq!(query.get(absent).unwrap(), None, "{absent}");
        }
    }

    #[test]
    fn what_is_no_value_is_refused() {
        let query = Query("x=%&y=%ff&twice=1&twice=1&limit=many");
        for name in ["x", "y", "twice"] {
            assert!(query.get(name).is_err(), "{name}");
        }
        assert!(query.parse::<usize>("limit").is_err());
    }
}
