//! Cue text of WebVTT as it grows: escaped, with its tags nested and closed, without empty lines.

/// What WebVTT can say of how text looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Italic,
    Bold,
    Underline,
    /// One of the colours that WebVTT has classes for (section 5).
    Colour(&'static str),
}

const COLOURS: [(&str, u32); 8] = [
    ("white", 0xff_ffff),
    ("lime", 0x00_ff00),
    ("cyan", 0x00_ffff),
    ("red", 0xff_0000),
    ("yellow", 0xff_ff00),
    ("magenta", 0xff_00ff),
    ("blue", 0x00_00ff),
    ("black", 0x00_0000),
];

impl Style {
    /// The colour nearest to this one (0xRRGGBB); nothing for the usual white.
    pub fn colour(rgb: u32) -> Option<Self> {
        let part = |rgb: u32, shift: u32| i64::from(rgb >> shift & 0xff);
        let distance = |other: u32| -> i64 {
            [16, 8, 0].iter().map(|shift| (part(rgb, *shift) - part(other, *shift)).pow(2)).sum()
        };
        let (name, _) = COLOURS.iter().min_by_key(|(_, other)| distance(*other))?;
        (*name != "white").then_some(Self::Colour(name))
    }

    fn opening(self) -> String {
        match self {
            Self::Italic => "<i>".into(),
            Self::Bold => "<b>".into(),
            Self::Underline => "<u>".into(),
            Self::Colour(name) => format!("<c.{name}>"),
        }
    }

    fn closing(self) -> &'static str {
        match self {
            Self::Italic => "</i>",
            Self::Bold => "</b>",
            Self::Underline => "</u>",
            Self::Colour(_) => "</c>",
        }
    }

    /// Two of one kind cannot hold at once.
    fn same_kind(self, other: Self) -> bool {
        matches!((self, other), (Self::Colour(_), Self::Colour(_))) || self == other
    }
}

#[derive(Debug, Default)]
pub struct Markup {
    out: String,
    open: Vec<Style>,
    /// Opened, but nothing has been said in it yet.
    pending: Vec<Style>,
}

impl Markup {
    pub fn text(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '\n' => self.line_end(),
                '\r' | '\0' | '\u{feff}' => {}
                '&' => self.say("&amp;"),
                '<' => self.say("&lt;"),
                '>' => self.say("&gt;"),
                '\u{a0}' => self.say("&nbsp;"),
                c => self.say(c.encode_utf8(&mut [0; 4])),
            }
        }
    }

    pub fn begin(&mut self, style: Style) {
        self.end(style);
        self.pending.push(style);
    }

    /// Ends a style of this kind, where one holds.
    pub fn end(&mut self, style: Style) {
        self.pending.retain(|pending| !pending.same_kind(style));
        if let Some(at) = self.open.iter().rposition(|open| open.same_kind(style)) {
            // What was opened within it goes on after it.
            let within = self.open.split_off(at + 1);
            within.iter().rev().for_each(|style| self.out.push_str(style.closing()));
            self.open.pop();
            self.out.push_str(style.closing());
            self.pending.splice(0..0, within);
        }
    }

    pub fn end_all(&mut self) {
        self.pending.clear();
        while let Some(style) = self.open.pop() {
            self.out.push_str(style.closing());
        }
    }

    /// The cue's text; `None` where nothing is said.
    pub fn finish(mut self) -> Option<String> {
        self.end_all();
        let lines = self.out.lines().map(str::trim_end).filter(|line| !line.is_empty());
        let text = lines.collect::<Vec<_>>().join("\n");
        let says_something = text.split('<').any(|part| {
            let said = part.rsplit('>').next().unwrap_or(part);
            said.chars().any(|c| !c.is_whitespace())
        });
        says_something.then_some(text)
    }

    fn say(&mut self, text: &str) {
        for style in std::mem::take(&mut self.pending) {
            self.out.push_str(&style.opening());
            self.open.push(style);
        }
        self.out.push_str(text);
    }

    fn line_end(&mut self) {
        self.out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tags_nest_whatever_order_they_end_in() {
        let mut markup = Markup::default();
        markup.begin(Style::Italic);
        markup.text("a ");
        markup.begin(Style::Bold);
        markup.text("b & c");
        markup.end(Style::Italic);
        markup.text(" d");
        assert_eq!(markup.finish().as_deref(), Some("<i>a <b>b &amp; c</b></i><b> d</b>"));
    }

    #[test]
    fn a_style_of_nothing_leaves_no_tag() {
        let mut markup = Markup::default();
        markup.begin(Style::Bold);
        markup.end(Style::Bold);
        markup.begin(Style::Colour("red"));
        markup.begin(Style::Colour("blue"));
        markup.text("x");
        assert_eq!(markup.finish().as_deref(), Some("<c.blue>x</c>"));
        let mut blank = Markup::default();
        blank.begin(Style::Italic);
        blank.text(" \n \u{3000}");
        assert_eq!(blank.finish(), None);
    }

    #[test]
    fn an_empty_line_would_end_the_cue() {
        let mut markup = Markup::default();
        markup.text("one\r\n\r\n  \ntwo --> three");
        assert_eq!(markup.finish().as_deref(), Some("one\ntwo --&gt; three"));
    }

    #[test]
    fn colours_become_the_nearest_that_there_is() {
        let names = [0xff_1010, 0xf0f000, 0xff_fff0, 0x00_0020].map(Style::colour);
        assert_eq!(
            names,
            [Some(Style::Colour("red")), Some(Style::Colour("yellow")), None, Some(Style::Colour("black"))]
        );
    }

    proptest! {
        #[test]
        fn it_is_always_well_formed(steps in prop::collection::vec((0u8..7, "[a-z<>&\n ]{0,4}"), 0..30)) {
            let styles = [Style::Italic, Style::Bold, Style::Underline, Style::Colour("red")];
            let mut markup = Markup::default();
            for (step, text) in steps {
                match step {
                    0..=3 => markup.begin(styles[usize::from(step)]),
                    4 | 5 => markup.end(styles[text.len() % 4]),
                    _ => markup.text(&text),
                }
            }
            let Some(text) = markup.finish() else { return Ok(()) };
            prop_assert!(!text.contains("\n\n") && !text.contains("-->"));
            let mut open = Vec::new();
            for tag in text.split('<').skip(1) {
                let tag = tag.split('>').next().unwrap_or_default();
                match tag.strip_prefix('/') {
                    Some(name) => prop_assert_eq!(open.pop(), Some(name.to_owned())),
                    None => open.push(tag.split('.').next().unwrap_or(tag).to_owned()),
                }
            }
            prop_assert!(open.is_empty());
        }
    }
}
