//! Attribute lists, RFC 8216 section 4.2: `NAME=value,NAME="value"`.

use std::fmt::{self, Display};

use crate::manifest::printable;

/// The attributes of one tag, in the order they were added.
#[derive(Default)]
pub struct AttributeList(String);

impl AttributeList {
    /// Decimal integers, resolutions, floating point numbers and enumerated strings: printed as they are.
    pub fn plain(mut self, name: &str, value: impl Display) -> Self {
        if !self.0.is_empty() {
            self.0.push(',');
        }
        self.0.push_str(&format!("{name}={value}"));
        self
    }

    /// "quoted-string: [...] The following characters MUST NOT appear in a quoted-string: line feed (0xA),
    /// carriage return (0xD), or double quote (0x22)." There is no escape: they are replaced.
    pub fn quoted(self, name: &str, value: &str) -> Self {
        let value = quotable(value);
        self.plain(name, format_args!("\"{value}\""))
    }
}

impl Display for AttributeList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `text` as the inside of a quoted-string.
pub fn quotable(text: &str) -> String {
    printable::line(text).replace('"', "'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_string_cannot_be_left() {
        let list = AttributeList::default()
            .plain("TYPE", "AUDIO")
            .quoted("NAME", "a\",URI=\"http://evil\"\n#EXT-X-ENDLIST\r");
        assert_eq!(list.to_string(), "TYPE=AUDIO,NAME=\"a',URI='http://evil' #EXT-X-ENDLIST\"");
    }
}
