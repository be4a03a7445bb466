//! One page of Teletext: its rows as they are received, and what they say on the screen (EN 300 706, section 12.2).

use super::alphabet::{self, Alphabet};
use super::hamming;
use crate::text::markup::{Markup, Style};
use crate::text::placement;

pub const COLUMNS: usize = 40;
/// Row zero is the head, which subtitles do not show.
const ROWS: usize = 25;
/// Characters of enhancement that are kept; a page has a thousand places.
const MAX_ENHANCED: usize = 512;
/// Rows above this one are in the upper, and above the other in the middle third.
const MIDDLE: usize = 9;
const LOWER: usize = 16;

const COLOURS: [&str; 8] = ["white", "red", "lime", "yellow", "blue", "magenta", "cyan", "white"];
const BLANK: u8 = 0x20;

#[derive(Clone, Debug)]
pub struct Page {
    rows: [[u8; COLUMNS]; ROWS],
    /// Characters that packets X/26 put in the place of others: row, column, character with its mark.
    enhanced: Vec<(usize, usize, char, Option<char>)>,
    pub alphabet: Alphabet,
    /// The head says that nothing is to be shown (C10).
    pub inhibited: bool,
}

impl Default for Page {
    fn default() -> Self {
        let rows = [[BLANK; COLUMNS]; ROWS];
        Self { rows, enhanced: Vec::new(), alphabet: Alphabet::default(), inhibited: false }
    }
}

impl Page {
    pub fn erase(&mut self) {
        self.rows = [[BLANK; COLUMNS]; ROWS];
        self.enhanced.clear();
    }

    /// Packets X/1 to X/24. A character that is damaged stays what it was.
    pub fn row(&mut self, number: usize, bytes: &[u8; COLUMNS]) {
        let Some(row) = self.rows.get_mut(number).filter(|_| number > 0) else { return };
        for (place, byte) in row.iter_mut().zip(bytes) {
            *place = hamming::character(*byte).unwrap_or(*place);
        }
        self.enhanced.retain(|(row, ..)| *row != number);
    }

    /// Packet X/26 (section 12.3): triplets behind the designation.
    pub fn enhance(&mut self, triplets: &[u8]) {
        const ROW_24: u32 = 40;
        let mut row = None;
        for triplet in triplets.as_chunks::<3>().0 {
            let Some(bits) = hamming::triplet(*triplet) else { continue };
            let (address, mode, data) = (bits & 0x3f, bits >> 6 & 0x1f, (bits >> 11 & 0x7f) as u8);
            match (address, mode) {
                (ROW_24.., 0x04) => {
                    row = Some(if address == ROW_24 { 24 } else { (address - ROW_24) as usize });
                }
                (ROW_24.., 0x1f) => break,
                (..ROW_24, 0x0f | 0x10..) => {
                    let Some(row) = row.filter(|_| self.enhanced.len() < MAX_ENHANCED && data >= BLANK)
                    else {
                        continue;
                    };
                    let (character, mark) = match mode {
                        0x0f => (alphabet::supplement(data), None),
                        _ if data == b'*' && mode == 0x10 => ('@', None),
                        _ => (char::from(data), alphabet::mark((mode & 0xf) as u8)),
                    };
                    self.enhanced.push((row, address as usize, character, mark));
                }
                _ => {}
            }
        }
    }

    /// What is in its boxes as cue text of WebVTT and its settings; `None` where that is nothing.
    pub fn said(&self) -> Option<(String, String)> {
        if self.inhibited {
            return None;
        }
        let mut markup = Markup::default();
        let (mut first, mut below) = (None, 0);
        for number in 1..ROWS {
            // The lower half of characters of double height.
            if number == below {
                continue;
            }
            let row = self.shown(number);
            if row.characters.iter().all(|(_, c, _)| c.is_whitespace()) {
                continue;
            }
            if first.is_some() {
                markup.text("\n");
            }
            first = first.or(Some(number));
            if row.double {
                below = number + 1;
            }
            say(&mut markup, &row.characters);
        }
        let place = match first? {
            ..MIDDLE => 8,
            MIDDLE..LOWER => 5,
            _ => 2,
        };
        Some((markup.finish()?, placement::settings(Some(place))))
    }

    /// The characters of a row that stand in a box, with their colours.
    fn shown(&self, number: usize) -> Row {
        let mut row = Row::default();
        let (mut boxed, mut mosaic, mut concealed, mut colour) = (false, false, false, COLOURS[7]);
        let mut before = BLANK;
        for (column, &code) in self.rows[number].iter().enumerate() {
            let mut character = (' ', None);
            match code {
                // Colours end what was concealed.
                0x00..=0x07 => (mosaic, concealed, colour) = (false, false, COLOURS[usize::from(code)]),
                0x10..=0x17 => (mosaic, concealed, colour) = (true, false, COLOURS[usize::from(code & 7)]),
                0x0a => boxed = false,
                // Sent twice, so that damage opens none.
                0x0b => boxed = boxed || before == 0x0b,
                0x0d | 0x0f => row.double = true,
                0x18 => concealed = true,
                0x20.. if !(concealed || mosaic && code & 0x20 != 0) => {
                    character = self.character(number, column, code);
                }
                _ => {}
            }
            before = code;
            let (character, mark) = if boxed { character } else { (' ', None) };
            row.characters.push((colour, character, mark));
        }
        row
    }

    fn character(&self, row: usize, column: usize, code: u8) -> (char, Option<char>) {
        let put = self.enhanced.iter().rev().find(|(r, c, ..)| (*r, *c) == (row, column));
        put.map_or_else(|| (self.alphabet.character(code), None), |(_, _, c, mark)| (*c, *mark))
    }
}

#[derive(Default)]
struct Row {
    characters: Vec<(&'static str, char, Option<char>)>,
    double: bool,
}

/// Without the spaces that attributes take, and those around.
fn say(markup: &mut Markup, characters: &[(&'static str, char, Option<char>)]) {
    let mut holding = "white";
    let mut space = false;
    let mut said = false;
    for &(colour, character, mark) in characters {
        if character.is_whitespace() {
            space = said;
            continue;
        }
        if colour != holding {
            markup.end(Style::Colour(""));
        }
        if space {
            markup.text(" ");
        }
        if colour != holding && colour != "white" {
            markup.begin(Style::Colour(colour));
        }
        (holding, space, said) = (colour, false, true);
        markup.text(character.encode_utf8(&mut [0; 4]));
        if let Some(mark) = mark {
            markup.text(mark.encode_utf8(&mut [0; 4]));
        }
    }
    markup.end(Style::Colour(""));
}
