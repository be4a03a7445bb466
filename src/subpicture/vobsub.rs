//! Subpictures of DVD (the format that VobSub files hold): four colours, run lengths of two fields, and commands that say
//! when. Changes of colour within a picture (karaoke) are left out.

use super::track::MEMORY_NS;
use super::{Bitmap, Palette, Picture, is_drawn, u16_of};
use crate::timeline::Nanos;

/// Sequences of commands in one packet; two are usual.
const MAX_SEQUENCES: usize = 64;

#[derive(Debug)]
pub struct Decoder {
    canvas: (u32, u32),
    colours: [[u8; 3]; 16],
    packet: Option<Packet>,
    count: u64,
}

#[derive(Debug)]
struct Packet {
    count: u64,
    at_ns: Nanos,
    /// Until when the container says it is shown.
    end_ns: Nanos,
    data: Vec<u8>,
    /// By when it holds.
    sequences: Vec<(Nanos, Commands)>,
}

/// How it looks from some time on.
#[derive(Clone, Debug, Default)]
struct Commands {
    shown: bool,
    /// Says itself when it is taken away.
    stops: bool,
    /// Of the pixel values 0 to 3.
    colours: [u8; 4],
    opacities: [u8; 4],
    /// Left, right, top and bottom, all of them inside.
    area: [u16; 4],
    /// Where the lines of each field begin.
    fields: [u16; 2],
}

impl Decoder {
    /// `header` is the head of an `.idx` file. Where it does not say, the canvas is of the size `otherwise`, and the
    /// palette is grey.
    pub fn new(header: &[u8], otherwise: (u32, u32)) -> Self {
        let header = String::from_utf8_lossy(header);
        let value = |name: &str| header.lines().find_map(|line| line.trim().strip_prefix(name));
        let size = value("size:").and_then(|size| {
            let (width, height) = size.trim().split_once('x')?;
            Some((width.trim().parse().ok()?, height.trim().parse().ok()?))
        });
        let mut colours = std::array::from_fn(|index| [index as u8 * 17; 3]);
        for (place, colour) in colours.iter_mut().zip(value("palette:").unwrap_or_default().split(',')) {
            if let Ok(colour) = u32::from_str_radix(colour.trim(), 16) {
                let [_, red, green, blue] = colour.to_be_bytes();
                *place = [red, green, blue];
            }
        }
        Self { canvas: size.unwrap_or(otherwise), colours, packet: None, count: 0 }
    }

    /// Reads a packet that is of `at_ns`; one that cannot be read shows nothing.
    pub fn push(&mut self, at_ns: Nanos, end_ns: Nanos, data: &[u8]) {
        self.count += 1;
        let sequences = sequences(data);
        self.packet = Some(Packet { count: self.count, at_ns, end_ns, data: data.to_vec(), sequences });
    }

    /// Names what is shown at `at_ns` after all packets that were pushed; `None` for nothing.
    pub fn key(&self, at_ns: Nanos) -> Option<(u64, usize)> {
        let packet = self.packet.as_ref()?;
        let behind = at_ns - packet.at_ns;
        let begun = packet.sequences.partition_point(|(date, _)| *date <= behind);
        let (_, now) = packet.sequences.get(begun.checked_sub(1)?)?;
        let ended = !packet.stops() && at_ns >= packet.end_ns || behind >= MEMORY_NS;
        (now.shown && !ended).then_some((packet.count, begun))
    }

    /// What [`Self::key`] names at a time when so many sequences have begun.
    pub fn picture(&self, begun: usize) -> Option<Picture> {
        let packet = self.packet.as_ref().filter(|_| is_drawn(self.canvas))?;
        let (_, now) = packet.sequences.get(begun.checked_sub(1)?)?;
        let mut palette: Palette = Box::new([[0; 4]; 256]);
        for (value, place) in palette.iter_mut().take(4).enumerate() {
            let [red, green, blue] = self.colours[usize::from(now.colours[value] & 15)];
            *place = [red, green, blue, (now.opacities[value] & 15) * 17];
        }
        let bitmaps = packet.bitmap(now, self.canvas).into_iter().collect();
        Some(Picture { canvas: self.canvas, palette, bitmaps })
    }
}

impl Packet {
    fn stops(&self) -> bool {
        self.sequences.last().is_some_and(|(_, last)| last.stops)
    }

    fn bitmap(&self, now: &Commands, canvas: (u32, u32)) -> Option<Bitmap> {
        let [left, right, top, bottom] = now.area.map(u32::from);
        let (width, height) = (right.checked_sub(left)? + 1, bottom.checked_sub(top)? + 1);
        if width > canvas.0 || height > canvas.1 {
            return None;
        }
        let (width, height) = (width as usize, height as usize);
        let mut indices = vec![NOTHING; width * height];
        for (field, begin) in now.fields.iter().enumerate() {
            let mut nibbles = Nibbles { bytes: self.data.get(usize::from(*begin)..)?, at: 0 };
            for row in indices.chunks_exact_mut(width).skip(field).step_by(2) {
                if nibbles.line(row).is_none() {
                    break;
                }
            }
        }
        Some(Bitmap { x: left, y: top, width, height, indices })
    }
}

/// Of what is not painted: the palette has no such entry.
const NOTHING: u8 = 4;

struct Nibbles<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Nibbles<'_> {
    fn next(&mut self) -> Option<u16> {
        let byte = self.bytes.get(self.at / 2)?;
        let nibble = if self.at.is_multiple_of(2) { byte >> 4 } else { byte & 15 };
        self.at += 1;
        Some(nibble.into())
    }

    /// One line, from a whole byte to a whole byte.
    fn line(&mut self, row: &mut [u8]) -> Option<()> {
        let mut x = 0;
        while x < row.len() {
            let mut code = self.next()?;
            // As many nibbles as there are zeros before it, four at the most.
            for least in [0x4, 0x10, 0x40] {
                if code < least {
                    code = code << 4 | self.next()?;
                } else {
                    break;
                }
            }
            let end = match usize::from(code >> 2) {
                0 => row.len(),
                run => (x + run).min(row.len()),
            };
            row[x..end].fill((code & 3) as u8);
            x = end;
        }
        self.at = self.at.next_multiple_of(2);
        Some(())
    }
}

/// What holds from when on, from the beginning of the packet; none where it is damaged.
fn sequences(data: &[u8]) -> Vec<(Nanos, Commands)> {
    let mut all = Vec::new();
    let Some((control, _)) = data.get(2..).and_then(u16_of) else { return all };
    let mut at = usize::from(control);
    let mut now = Commands::default();
    for _ in 0..MAX_SEQUENCES {
        let Some((date, rest)) = data.get(at..).and_then(u16_of) else { break };
        let Some((next, commands)) = u16_of(rest) else { break };
        if now.read(commands).is_none() {
            break;
        }
        // 1024 ticks of the clock of 90 kHz.
        let date_ns = Nanos::from(date) * 1024 * 100_000 / 9;
        if all.last().is_some_and(|(before, _)| *before > date_ns) {
            break;
        }
        all.push((date_ns, now.clone()));
        if usize::from(next) <= at {
            break;
        }
        at = next.into();
    }
    all
}

impl Commands {
    /// Reads the commands of one sequence; `None` where it is cut short.
    fn read(&mut self, mut commands: &[u8]) -> Option<()> {
        loop {
            let (&command, rest) = commands.split_first()?;
            commands = match command {
                0x00 | 0x01 => {
                    self.shown = true;
                    rest
                }
                0x02 => {
                    (self.shown, self.stops) = (false, true);
                    rest
                }
                0x03 | 0x04 => {
                    let (&[high, low], rest) = rest.split_first_chunk::<2>()?;
                    let values = [low & 15, low >> 4, high & 15, high >> 4];
                    if command == 0x03 {
                        self.colours = values;
                    } else {
                        self.opacities = values;
                    }
                    rest
                }
                0x05 => {
                    let (bytes, rest) = rest.split_first_chunk::<6>()?;
                    let [a, b, c, d, e, f] = bytes.map(u16::from);
                    self.area = [a << 4 | b >> 4, (b & 15) << 8 | c, d << 4 | e >> 4, (e & 15) << 8 | f];
                    rest
                }
                0x06 => {
                    let (top, rest) = u16_of(rest)?;
                    let (bottom, rest) = u16_of(rest)?;
                    self.fields = [top, bottom];
                    rest
                }
                0x07 => {
                    let (size, _) = u16_of(rest)?;
                    rest.get(usize::from(size).max(2)..)?
                }
                _ => return Some(()),
            };
        }
    }
}
