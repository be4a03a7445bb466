//! A value as it was given, before anyone knows what it should be: its shape, and where it stood. The same for
//! the file, the environment and the command line, so each key has one reader.

use std::ops::Range;
use std::str::FromStr;

use super::refusal::Refusal;
use super::suggest;

#[derive(Clone, Debug)]
pub(super) struct Given {
    pub shape: Shape,
    pub origin: Origin,
}

#[derive(Clone, Debug)]
pub(super) enum Shape {
    Text(String),
    Integer(i64),
    List(Vec<Given>),
    Table(Vec<Entry>),
    /// Something that no key takes: its name with its article.
    Other(&'static str),
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub key: String,
    pub key_origin: Origin,
    pub value: Given,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Bytes of the file.
    File(Range<usize>),
    Variable(String),
    Argument(String),
}

impl Shape {
    fn name(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Integer(_) => "a number",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(name) => name,
        }
    }
}

impl Given {
    pub fn text(text: impl Into<String>, origin: Origin) -> Self {
        Self { shape: Shape::Text(text.into()), origin }
    }

    /// `wanted` with its article.
    fn refuse(&self, wanted: &str) -> Refusal {
        Refusal::new(format!("this is {}, not {wanted}", self.shape.name()))
    }

    pub fn as_text(&self) -> Result<&str, Refusal> {
        match &self.shape {
            Shape::Text(text) => Ok(text),
            _ => Err(self.refuse("a string")),
        }
    }

    pub fn parse<T: FromStr<Err = Refusal>>(&self) -> Result<T, Refusal> {
        self.as_text()?.parse()
    }

    /// A string, or a bare number where the type takes one.
    pub fn parse_amount<T: FromStr<Err = Refusal>>(&self) -> Result<T, Refusal> {
        match &self.shape {
            Shape::Integer(number) => number.to_string().parse(),
            Shape::Text(text) => text.parse(),
            _ => Err(self.refuse("a string")),
        }
    }

    /// A whole number; outside the file, the text of one.
    pub fn as_integer(&self) -> Result<i64, Refusal> {
        match (&self.shape, &self.origin) {
            (Shape::Integer(number), _) => Ok(*number),
            (Shape::Text(text), Origin::Variable(_) | Origin::Argument(_)) => {
                text.parse().map_err(|_| Refusal::new(format!("`{text}` is not a number")))
            }
            _ => Err(self.refuse("a number")),
        }
    }

    /// One word of a closed list.
    pub fn choose<T: Copy>(&self, choices: &[(&str, T)]) -> Result<T, Refusal> {
        let text = self.as_text()?;
        let chosen = choices.iter().find(|(name, _)| *name == text);
        chosen.map(|(_, value)| *value).ok_or_else(|| {
            let hint = suggest::one_of(text, choices.iter().map(|(name, _)| *name));
            Refusal::new(format!("`{text}` is not a choice here")).hint(hint)
        })
    }

    /// The members of a list; outside the file, of text with commas between.
    pub fn list(&self) -> Result<Vec<Given>, Refusal> {
        match (&self.shape, &self.origin) {
            (Shape::List(members), _) => Ok(members.clone()),
            (Shape::Text(text), Origin::Variable(_) | Origin::Argument(_)) => {
                let members = text.split(',').map(str::trim).filter(|member| !member.is_empty());
                Ok(members.map(|member| Given::text(member, self.origin.clone())).collect())
            }
            _ => Err(self.refuse("a list")),
        }
    }

    pub fn table(&self) -> Result<&[Entry], Refusal> {
        match &self.shape {
            Shape::Table(entries) => Ok(entries),
            _ => Err(self.refuse("a table")),
        }
    }
}
