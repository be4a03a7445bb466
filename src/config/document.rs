//! TOML text as [`Given`] values with their byte positions.

use std::ops::Range;

use toml_edit::{Document, Item, TableLike, TomlError, Value};

use super::given::{Entry, Given, Origin, Shape};
use super::refusal::Refusal;

/// The top-level entries, or the syntax error with its bytes.
pub(super) fn read(text: &str) -> Result<Vec<Entry>, (Range<usize>, Refusal)> {
    match Document::parse(text) {
        Ok(document) => Ok(entries(document.as_table())),
        Err(error) => Err(syntax_error(text, &error)),
    }
}

fn syntax_error(text: &str, error: &TomlError) -> (Range<usize>, Refusal) {
    let bytes = error.span().unwrap_or(0..0);
    let (before, after) = text.split_at_checked(bytes.start).unwrap_or((text, ""));
    let bare_number = before.trim_end().ends_with('=') && after.starts_with(|c: char| c.is_ascii_digit());
    let refusal = Refusal::new(error.message().trim_end().replace('\n', ", "));
    let hint = "a value with a unit is a string, in quotes: \"2s\"";
    (bytes, if bare_number { refusal.hint(hint) } else { refusal })
}

fn entries(table: &dyn TableLike) -> Vec<Entry> {
    let mut entries = Vec::new();
    for (name, item) in table.iter() {
        let key_span = table.key(name).and_then(toml_edit::Key::span).unwrap_or(0..0);
        if let Some(value) = given(item, &key_span) {
            entries.push(Entry { key: name.to_owned(), key_origin: Origin::File(key_span), value });
        }
    }
    entries
}

/// `nearby` stands for values without a position of their own, such as tables made by dotted keys.
fn given(item: &Item, nearby: &Range<usize>) -> Option<Given> {
    let span = item.span().unwrap_or_else(|| nearby.clone());
    let shape = match item {
        Item::None => return None,
        Item::Value(value) => return Some(given_value(value, nearby)),
        Item::Table(table) => Shape::Table(entries(table)),
        Item::ArrayOfTables(tables) => Shape::List(
            tables
                .iter()
                .map(|table| Given {
                    shape: Shape::Table(entries(table)),
                    origin: Origin::File(table.span().unwrap_or_else(|| nearby.clone())),
                })
                .collect(),
        ),
    };
    Some(Given { shape, origin: Origin::File(span) })
}

fn given_value(value: &Value, nearby: &Range<usize>) -> Given {
    let span = value.span().unwrap_or_else(|| nearby.clone());
    let shape = match value {
        Value::String(text) => Shape::Text(text.value().clone()),
        Value::Integer(number) => Shape::Integer(*number.value()),
        Value::Float(_) => Shape::Other("a number with a decimal point"),
        Value::Boolean(_) => Shape::Other("true or false"),
        Value::Datetime(_) => Shape::Other("a date"),
        Value::Array(members) => {
            Shape::List(members.iter().map(|member| given_value(member, &span)).collect())
        }
        Value::InlineTable(table) => Shape::Table(entries(table)),
    };
    Given { shape, origin: Origin::File(span) }
}
