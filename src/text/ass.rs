//! Advanced SubStation Alpha, and its older form SSA: files, and the events of one as Matroska carries them. Of how text
//! looks, what WebVTT can say is kept: slant, weight, line beneath, colour and place. Drawings are left out.

use std::collections::HashMap;

use super::cue::{Cue, MAX_CUES, Packet, clock_seconds};
use super::markup::{Markup, Style};
use super::placement;
use crate::timeline::Nanos;

/// Fields of an event before its text, as Matroska orders them: ReadOrder, Layer, Style, Name, three margins, Effect.
const FIELDS_IN_MATROSKA: usize = 8;
const STYLE_IN_MATROSKA: usize = 2;
const NANOS_PER_CENTISECOND: Nanos = 10_000_000;
const MAX_STYLES: usize = 1_000;

/// What the head of a script says of its styles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Styles {
    by_name: HashMap<String, Look>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Look {
    bold: bool,
    italic: bool,
    underline: bool,
    /// 0xRRGGBB.
    colour: Option<u32>,
    /// On the keypad; `None` for the usual place.
    place: Option<u8>,
}

impl Styles {
    /// From a script, or the head of one (Matroska's CodecPrivate).
    pub fn read(script: &str) -> Self {
        let mut by_name = HashMap::new();
        let mut format: Vec<String> = Vec::new();
        let mut old = false;
        for line in script.lines().map(str::trim) {
            if line.starts_with('[') {
                format.clear();
                old = line.eq_ignore_ascii_case("[V4 Styles]");
            } else if let Some(names) = line.strip_prefix("Format:") {
                format = names.split(',').map(|name| name.trim().to_ascii_lowercase()).collect();
            } else if let Some(values) = line.strip_prefix("Style:")
                && by_name.len() < MAX_STYLES
            {
                let values: Vec<&str> = values.split(',').map(str::trim).collect();
                let field = |name: &str| {
                    format.iter().position(|field| field == name).and_then(|at| values.get(at)).copied()
                };
                let flag = |name| field(name).is_some_and(|value| value != "0" && !value.is_empty());
                let alignment = field("alignment").unwrap_or_default();
                let tag = if old { format!("\\a{alignment}") } else { format!("\\an{alignment}") };
                let look = Look {
                    bold: flag("bold"),
                    italic: flag("italic"),
                    underline: flag("underline"),
                    colour: field("primarycolour").and_then(colour),
                    place: placement::tag(&tag),
                };
                by_name.insert(style_name(field("name").unwrap_or_default()), look);
            }
        }
        Self { by_name }
    }

    fn look(&self, name: &str) -> Look {
        self.by_name
            .get(&style_name(name))
            .or_else(|| self.by_name.get("default"))
            .copied()
            .unwrap_or_default()
    }
}

/// The cues of a script, in the order of their times.
pub fn read(script: &str) -> Vec<Cue> {
    let styles = Styles::read(script);
    let mut format: Vec<String> = Vec::new();
    let mut cues: Vec<Cue> = Vec::new();
    for line in script.lines().map(str::trim_end) {
        if line.starts_with('[') {
            format.clear();
        } else if let Some(names) = line.strip_prefix("Format:") {
            format = names.split(',').map(|name| name.trim().to_ascii_lowercase()).collect();
        } else if let Some(values) = line.strip_prefix("Dialogue:")
            && cues.len() < MAX_CUES
        {
            // Commas in the text are the text's.
            let values: Vec<&str> = values.splitn(format.len().max(1), ',').collect();
            let field = |name: &str| {
                format.iter().position(|field| field == name).and_then(|at| values.get(at)).copied()
            };
            let (Some(start_ns), Some(end_ns)) = (field("start").and_then(time), field("end").and_then(time))
            else {
                continue;
            };
            let look = styles.look(field("style").unwrap_or_default());
            cues.extend(cue(start_ns, end_ns, look, field("text").unwrap_or_default()));
        }
    }
    cues.sort_by_key(|cue| cue.start_ns);
    cues
}

/// One event as Matroska carries it.
pub fn packet(packet: &Packet, styles: &Styles) -> Option<Cue> {
    let event = String::from_utf8_lossy(&packet.data);
    let fields: Vec<&str> = event.splitn(FIELDS_IN_MATROSKA + 1, ',').collect();
    let text = fields.get(FIELDS_IN_MATROSKA)?;
    cue(packet.start_ns, packet.end_ns, styles.look(fields[STYLE_IN_MATROSKA]), text)
}

/// Names are looked up without regard to case, and `*Default` is `Default`.
fn style_name(name: &str) -> String {
    name.trim().trim_start_matches('*').to_lowercase()
}

/// `1:02:03.45`.
fn time(text: &str) -> Option<Nanos> {
    let (clock, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), "0"));
    let seconds = clock_seconds(clock)?;
    let digits: String = fraction.chars().take(2).collect();
    let centiseconds = digits.parse::<i64>().ok()? * if digits.len() == 1 { 10 } else { 1 };
    seconds.checked_mul(100)?.checked_add(centiseconds)?.checked_mul(NANOS_PER_CENTISECOND)
}

/// `&HAABBGGRR` or `&HBBGGRR&` as 0xRRGGBB.
fn colour(text: &str) -> Option<u32> {
    let digits = text.trim().trim_start_matches('&').trim_start_matches(['H', 'h']).trim_end_matches('&');
    let bgr = u32::from_str_radix(digits, 16).ok()?;
    Some((bgr & 0xff) << 16 | bgr & 0xff00 | bgr >> 16 & 0xff)
}

fn cue(start_ns: Nanos, end_ns: Nanos, look: Look, text: &str) -> Option<Cue> {
    let mut writer = Writer { markup: Markup::default(), place: look.place, drawing: false };
    writer.reset(look);
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        writer.text(&rest[..at]);
        rest = &rest[at..];
        match rest.find('}') {
            Some(end) => {
                writer.overrides(&rest[1..end], look);
                rest = &rest[end + 1..];
            }
            None => break,
        }
    }
    writer.text(rest);
    Cue::said(start_ns, end_ns, writer.markup, writer.place)
}

struct Writer {
    markup: Markup,
    place: Option<u8>,
    /// What follows are lines and curves.
    drawing: bool,
}

impl Writer {
    fn reset(&mut self, look: Look) {
        self.markup.end_all();
        self.set(Style::Bold, look.bold);
        self.set(Style::Italic, look.italic);
        self.set(Style::Underline, look.underline);
        self.set_colour(look.colour);
    }

    fn set(&mut self, style: Style, holds: bool) {
        if holds { self.markup.begin(style) } else { self.markup.end(style) }
    }

    fn set_colour(&mut self, rgb: Option<u32>) {
        match rgb.and_then(Style::colour) {
            Some(colour) => self.markup.begin(colour),
            None => self.markup.end(Style::Colour("")),
        }
    }

    fn text(&mut self, text: &str) {
        if !self.drawing {
            // A soft break is a space where lines are broken by the player.
            self.markup.text(&text.replace("\\N", "\n").replace("\\n", " ").replace("\\h", "\u{a0}"));
        }
    }

    fn overrides(&mut self, tags: &str, look: Look) {
        // The first place counts (libass and its forebears agree).
        if self.place == look.place {
            self.place = placement::tag(tags).or(self.place);
        }
        for tag in tags.split('\\').skip(1).map(str::trim) {
            let number = |name: &str| tag.strip_prefix(name).and_then(|value| value.parse::<u32>().ok());
            if tag == "r" || tag.starts_with('r') && !tag.starts_with("rnd") {
                self.reset(look);
            } else if let Some(weight) = number("b") {
                self.set(Style::Bold, weight == 1 || weight >= 600);
            } else if let Some(holds) = number("i") {
                self.set(Style::Italic, holds != 0);
            } else if let Some(holds) = number("u") {
                self.set(Style::Underline, holds != 0);
            } else if let Some(scale) = number("p") {
                self.drawing = scale != 0;
            } else if tag == "c" || tag == "1c" {
                self.set_colour(look.colour);
            } else if let Some(value) =
                tag.strip_prefix("1c").or_else(|| tag.strip_prefix("c&").map(|_| &tag[1..]))
            {
                self.set_colour(colour(value));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SCRIPT: &str = "\
[Script Info]
Title: x

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, Bold, Italic, Underline, Alignment
Style: Default,Arial,20,&H00FFFFFF,0,0,0,2
Style: Sign,Arial,20,&H0000FFFF,-1,0,0,8

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Comment: 0,0:00:00.00,0:00:01.00,Default,,0,0,0,,not said
Dialogue: 0,0:00:03.00,0:00:04.50,Sign,,0,0,0,,Closed
Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,One, {\\i1}two{\\i0}\\Nthree
Dialogue: 0,0:00:09.00,0:00:08.00,Default,,0,0,0,,backwards
";

    fn said(text: &str) -> Option<(String, String)> {
        cue(0, 1, Look::default(), text).map(|cue| (cue.text, cue.settings))
    }

    #[test]
    fn a_script_becomes_cues() {
        let cues = read(SCRIPT);
        let told: Vec<_> = cues
            .iter()
            .map(|cue| {
                (cue.start_ns / 1_000_000, cue.end_ns / 1_000_000, cue.text.as_str(), cue.settings.as_str())
            })
            .collect();
        assert_eq!(
            told,
            [
                (1000, 2000, "One, <i>two</i>\nthree", ""),
                (3000, 4500, "<b><c.yellow>Closed</c></b>", "line:0")
            ]
        );
    }

    #[test]
    fn an_event_of_matroska_finds_its_style() {
        let styles = Styles::read(SCRIPT);
        let data = b"7,0,sign,,0,0,0,,Open, again".to_vec();
        let cue = packet(&Packet { start_ns: 5, end_ns: 9, data }, &styles).expect("a cue");
        assert_eq!(
            (cue.text.as_str(), cue.settings.as_str()),
            ("<b><c.yellow>Open, again</c></b>", "line:0")
        );
        assert_eq!(packet(&Packet { start_ns: 5, end_ns: 9, data: b"1,0,x".to_vec() }, &styles), None);
    }

    #[test]
    fn overrides_say_what_they_say_and_no_more() {
        for (text, expected, settings) in [
            ("{\\b700}a{\\b0}b{\\b1}c", "<b>a</b>b<b>c</b>", ""),
            ("{\\c&H0000FF&}red{\\c}white", "<c.red>red</c>white", ""),
            ("{\\i1}a{\\r}b", "<i>a</i>b", ""),
            ("{\\an8\\pos(10,20)\\fad(1,2)}up", "up", "line:0"),
            ("{\\p1}m 0 0 l 1 1{\\p0}seen", "seen", ""),
            ("{a note}a\\hb\\nc <3", "a&nbsp;b c &lt;3", ""),
            ("{\\blur5\\bord2\\be1}plain", "plain", ""),
            ("open { brace", "open { brace", ""),
        ] {
            assert_eq!(said(text), Some((expected.to_owned(), settings.to_owned())), "{text}");
        }
        assert_eq!(said("{\\p1}m 0 0 l 1 1"), None);
    }

    #[test]
    fn the_old_form_counts_places_otherwise() {
        let script = "[V4 Styles]\nFormat: Name, Alignment\nStyle: *Default,6\n";
        assert_eq!(Styles::read(script).look("default").place, Some(8));
    }

    proptest! {
        #[test]
        fn anything_may_be_in_a_script(body in "[\\[\\]{}\\\\a-zA-Z0-9:.,& \n]{0,200}") {
            let script = format!("{SCRIPT}Dialogue: {body}");
            prop_assert!(read(&script).iter().all(|cue| cue.end_ns > cue.start_ns));
            let _said = said(&body);
        }
    }
}
