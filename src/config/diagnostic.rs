//! One problem of the configuration: where it stands, what it is, what would help.

use std::fmt;
use std::ops::Range;

use super::refusal::Refusal;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub place: Place,
    pub message: String,
    pub hint: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    File {
        file_name: String,
        /// Lines, and columns in characters, both from 1.
        line: usize,
        column: usize,
        /// The whole line.
        snippet: String,
        /// Characters of the line that are meant, from `column`; at least 1.
        width: usize,
    },
    Variable {
        name: String,
    },
    /// An option of the command line, as `--library Films=films`.
    Argument(String),
}

impl Diagnostic {
    pub fn new(place: Place, refusal: Refusal) -> Self {
        Self { place, message: refusal.message, hint: refusal.hint }
    }

    /// Of a problem in the file.
    pub fn line(&self) -> Option<usize> {
        match self.place {
            Place::File { line, .. } => Some(line),
            Place::Variable { .. } | Place::Argument(_) => None,
        }
    }

    /// Of a problem in the file.
    pub fn column(&self) -> Option<usize> {
        match self.place {
            Place::File { column, .. } => Some(column),
            Place::Variable { .. } | Place::Argument(_) => None,
        }
    }
}

impl Place {
    /// Of these bytes of `text`; what goes on over the line's end is left out.
    pub fn in_file(file_name: &str, text: &str, bytes: Range<usize>) -> Self {
        let floor = |mut at: usize| {
            at = at.min(text.len());
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let start = floor(bytes.start);
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |newline| start + newline);
        let end = floor(bytes.end).clamp(start, line_end);
        Self::File {
            file_name: file_name.to_owned(),
            line: text[..line_start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            snippet: text[line_start..line_end].trim_end_matches('\r').to_owned(),
            width: text[start..end].trim_end().chars().count().max(1),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file_name, line, column, .. } => write!(f, "{file_name}:{line}:{column}"),
            Self::Variable { name } => f.write_str(name),
            Self::Argument(argument) => f.write_str(argument),
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: error: {}", self.place, self.message)?;
        if let Place::File { line, column, snippet, width, .. } = &self.place {
            let shown = snippet.replace('\t', " ");
            let marks = "^".repeat(*width);
            write!(f, "\n{line:>5} | {shown}\n      | {:indent$}{marks}", "", indent = column - 1)?;
        }
        match &self.hint {
            Some(hint) => write!(f, "\n   hint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Diagnostic {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_of_a_file_shows_the_line_and_marks_the_text() {
        let text = "[cache]\n\tété = 1 # x\n";
        let at = text.find("= 1").unwrap() + 2;
        let place = Place::in_file("millrace.toml", text, at..at + 1);
        let problem = Diagnostic::new(place, Refusal::new("no").hint("yes"));
        assert_eq!((problem.line(), problem.column()), (Some(2), Some(8)));
        assert_eq!(
            problem.to_string(),
            "millrace.toml:2:8: error: no\n    2 |  été = 1 # x\n      |        ^\n   hint: yes"
        );
    }

    #[test]
    fn a_problem_elsewhere_names_its_source() {
        let place = Place::Variable { name: "MILLRACE_CACHE_SIZE".to_owned() };
        let problem = Diagnostic::new(place, Refusal::new("no"));
        assert_eq!(problem.to_string(), "MILLRACE_CACHE_SIZE: error: no");
        assert_eq!((problem.line(), problem.column()), (None, None));
    }

    #[test]
    fn any_range_has_a_place() {
        for (text, bytes, expected) in [
            ("", 0..0, (1, 1, 1)),
            ("a", 7..9, (1, 2, 1)),
            ("a\nbc\r\nd", 2..7, (2, 1, 2)),
            ("a\n", 2..2, (2, 1, 1)),
            ("é", 1..2, (1, 1, 1)),
        ] {
            let Place::File { line, column, width, .. } = Place::in_file("f", text, bytes) else {
                unreachable!("made in a file")
            };
            assert_eq!((line, column, width), expected, "{text:?}");
        }
    }
}
