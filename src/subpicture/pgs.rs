//! Presentation graphics of Blu-ray (US 2009/0185789 A1; HDMV PGS), as Matroska holds them: the segments of a display set
//! one behind the other, without the headers of a `.sup` file.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::colour::{Colours, Matrix};
use super::track::MEMORY_NS;
use super::{Bitmap, Palette, Picture, is_drawn, u16_of};
use crate::timeline::Nanos;

const PALETTE: u8 = 0x14;
const OBJECT: u8 = 0x15;
const COMPOSITION: u8 = 0x16;
const END: u8 = 0x80;

/// Of a composition's state: a point from which all is told anew.
const FRESH: u8 = 0xc0;
/// Of a composed object: only a part of it is shown.
const CROPPED: u8 = 0x80;
/// Of a piece of an object.
const FIRST: u8 = 0x80;
/// Not painted, in every palette.
const NOTHING: u8 = 0xff;

/// Objects of one epoch; players have memory for 64.
const MAX_OBJECTS: usize = 64;
/// Bytes of the objects of one epoch; players have memory for 1 MiB.
const MAX_BYTES: usize = 8 << 20;
/// Objects in one picture; players draw two.
const MAX_COMPOSED: usize = 8;

/// Pictures above this height are in the colours of high definition.
const STANDARD_DEFINITION_LINES: u32 = 576;

#[derive(Debug, Default)]
pub struct Decoder {
    palettes: BTreeMap<u8, Entries>,
    objects: BTreeMap<u16, Told<Arc<Object>>>,
    bytes: usize,
    /// The display set that is being read.
    next: Option<Composition>,
    shown: Option<Shown>,
    count: u64,
}

/// What was told, and when.
#[derive(Clone, Debug)]
struct Told<T> {
    at_ns: Nanos,
    what: T,
}

impl<T> Told<T> {
    fn fresh(&self, at_ns: Nanos) -> bool {
        at_ns - self.at_ns <= MEMORY_NS
    }
}

/// Y, Cr, Cb and opacity by index.
type Entries = BTreeMap<u8, Told<[u8; 4]>>;

#[derive(Clone, Debug)]
struct Object {
    width: u16,
    height: u16,
    coded: Vec<u8>,
}

#[derive(Clone, Debug)]
struct Composition {
    at_ns: Nanos,
    canvas: (u32, u32),
    palette: u8,
    places: Vec<Place>,
}

#[derive(Clone, Debug)]
struct Place {
    object: u16,
    x: u16,
    y: u16,
    /// Left, top, width and height of what is shown of it.
    crop: Option<[u16; 4]>,
}

/// A display set that was read to its end, with what it refers to.
#[derive(Debug)]
struct Shown {
    count: u64,
    at_ns: Nanos,
    canvas: (u32, u32),
    palette: Entries,
    objects: Vec<(Arc<Object>, Place)>,
}

impl Decoder {
    /// Reads a packet that is of `at_ns`. What cannot be read of it is left out.
    pub fn push(&mut self, at_ns: Nanos, packet: &[u8]) {
        let mut rest = packet;
        while let Some((&kind, behind)) = rest.split_first() {
            let Some((size, behind)) = u16_of(behind) else { return };
            let Some((body, behind)) = behind.split_at_checked(usize::from(size)) else { return };
            rest = behind;
            let _damaged: Option<()> = match kind {
                COMPOSITION => self.composition(at_ns, body),
                PALETTE => self.palette(at_ns, body),
                OBJECT => self.object(at_ns, body),
                END => {
                    self.finish();
                    Some(())
                }
                _ => Some(()),
            };
        }
    }

    fn composition(&mut self, at_ns: Nanos, body: &[u8]) -> Option<()> {
        // The one before ended without saying so.
        self.finish();
        let (width, body) = u16_of(body)?;
        let (height, body) = u16_of(body)?;
        let [_rate, _number_high, _number_low, state, _palette_only, palette, count, places @ ..] = body
        else {
            return None;
        };
        if state & FRESH != 0 {
            self.palettes.clear();
            self.objects.clear();
            self.bytes = 0;
        }
        let mut composition = Composition {
            at_ns,
            canvas: (width.into(), height.into()),
            palette: *palette,
            places: Vec::new(),
        };
        let mut rest = places;
        for _ in 0..usize::from(*count).min(MAX_COMPOSED) {
            let Some((place, behind)) = place(rest) else { break };
            composition.places.push(place);
            rest = behind;
        }
        self.next = Some(composition);
        Some(())
    }

    fn palette(&mut self, at_ns: Nanos, body: &[u8]) -> Option<()> {
        let [id, _version, entries @ ..] = body else { return None };
        let (entries, _cut_short) = entries.as_chunks::<5>();
        let told = |what| Told { at_ns, what };
        // What is not told again stays.
        let palette = self.palettes.entry(*id).or_default();
        palette
            .extend(entries.iter().map(|[index, y, cr, cb, alpha]| (*index, told([*y, *cr, *cb, *alpha]))));
        Some(())
    }

    fn object(&mut self, at_ns: Nanos, body: &[u8]) -> Option<()> {
        let (id, body) = u16_of(body)?;
        let [_version, piece, body @ ..] = body else { return None };
        if *piece & FIRST == 0 {
            if self.bytes + body.len() <= MAX_BYTES {
                let known = self.objects.get_mut(&id)?;
                Arc::make_mut(&mut known.what).coded.extend_from_slice(body);
                self.bytes += body.len();
            }
            return Some(());
        }
        let body = body.get(3..)?;
        let (width, body) = u16_of(body)?;
        let (height, coded) = u16_of(body)?;
        if let Some(old) = self.objects.remove(&id) {
            self.bytes -= old.what.coded.len();
        }
        if self.objects.len() < MAX_OBJECTS && self.bytes + coded.len() <= MAX_BYTES {
            self.bytes += coded.len();
            let what = Arc::new(Object { width, height, coded: coded.to_vec() });
            self.objects.insert(id, Told { at_ns, what });
        }
        Some(())
    }

    fn finish(&mut self) {
        let Some(Composition { at_ns, canvas, palette, places }) = self.next.take() else { return };
        self.count += 1;
        self.palettes.values_mut().for_each(|entries| entries.retain(|_, entry| entry.fresh(at_ns)));
        self.objects.retain(|_, object| object.fresh(at_ns));
        self.bytes = self.objects.values().map(|object| object.what.coded.len()).sum();
        let object = |place: Place| Some((self.objects.get(&place.object)?.what.clone(), place));
        self.shown = Some(Shown {
            count: self.count,
            at_ns,
            canvas,
            palette: self.palettes.get(&palette).cloned().unwrap_or_default(),
            objects: places.into_iter().filter_map(object).collect(),
        });
    }

    /// Names what is shown at `at_ns` after all packets that were pushed; `None` for nothing.
    pub fn key(&self, at_ns: Nanos) -> Option<u64> {
        let shown = self.shown.as_ref()?;
        let there = !shown.objects.is_empty() && at_ns - shown.at_ns < MEMORY_NS;
        there.then_some(shown.count)
    }

    /// What [`Self::key`] names.
    pub fn picture(&self) -> Option<Picture> {
        let shown = self.shown.as_ref().filter(|shown| is_drawn(shown.canvas))?;
        let mut room = u64::from(shown.canvas.0) * u64::from(shown.canvas.1) * 2;
        let mut bitmaps = Vec::new();
        for (object, place) in &shown.objects {
            let area = u64::from(object.width) * u64::from(object.height);
            let fits =
                u32::from(object.width) <= shown.canvas.0 && u32::from(object.height) <= shown.canvas.1;
            if area == 0 || !fits || area > room {
                continue;
            }
            room -= area;
            bitmaps.extend(object.bitmap(place));
        }
        Some(Picture { canvas: shown.canvas, palette: rgb(&shown.palette, shown.canvas.1), bitmaps })
    }
}

fn place(bytes: &[u8]) -> Option<(Place, &[u8])> {
    let (object, bytes) = u16_of(bytes)?;
    let [_window, flags, bytes @ ..] = bytes else { return None };
    let (x, bytes) = u16_of(bytes)?;
    let (y, mut rest) = u16_of(bytes)?;
    let mut crop = None;
    if flags & CROPPED != 0 {
        let mut sides = [0; 4];
        for side in &mut sides {
            (*side, rest) = u16_of(rest)?;
        }
        crop = Some(sides);
    }
    Some((Place { object, x, y, crop }, rest))
}

fn rgb(entries: &Entries, lines: u32) -> Palette {
    let matrix = if lines > STANDARD_DEFINITION_LINES { Matrix::Bt709 } else { Matrix::Bt601 };
    let colours = Colours { matrix, full_range: false };
    let mut palette = Box::new([[0; 4]; 256]);
    for (index, Told { what: [y, cr, cb, alpha], .. }) in entries {
        let [red, green, blue] = colours.to_rgb([*y, *cb, *cr]);
        palette[usize::from(*index)] = [red, green, blue, *alpha];
    }
    palette[usize::from(NOTHING)] = [0; 4];
    palette
}

impl Object {
    fn bitmap(&self, place: &Place) -> Option<Bitmap> {
        let (width, height) = (usize::from(self.width), usize::from(self.height));
        let indices = lines(&self.coded, width, height);
        let (x, y) = (place.x.into(), place.y.into());
        let Some(crop) = place.crop else {
            return Some(Bitmap { x, y, width, height, indices });
        };
        let [left, top, wide, high] = crop.map(usize::from);
        let (wide, high) = (wide.min(width.checked_sub(left)?), high.min(height.checked_sub(top)?));
        let rows = indices.chunks_exact(width).skip(top).take(high);
        let indices = rows.flat_map(|row| &row[left..left + wide]).copied().collect();
        (wide > 0 && high > 0).then_some(Bitmap { x, y, width: wide, height: high, indices })
    }
}

/// Indices out of run lengths. A run ends with its line at the latest; what is missing is not painted.
fn lines(coded: &[u8], width: usize, height: usize) -> Vec<u8> {
    let mut indices = vec![NOTHING; width * height];
    let mut coded = coded.iter().copied();
    let mut rows = indices.chunks_exact_mut(width);
    let Some(mut row) = rows.next() else { return indices };
    let mut x = 0;
    while let Some((run, index)) = run(&mut coded) {
        if run == 0 {
            let Some(next) = rows.next() else { break };
            (row, x) = (next, 0);
            continue;
        }
        let end = (x + run).min(width);
        row[x..end].fill(index);
        x = end;
    }
    indices
}

/// Length and index of the next run; no length at the end of a line.
fn run(coded: &mut impl Iterator<Item = u8>) -> Option<(usize, u8)> {
    const LONG: u8 = 0x40;
    const COLOURED: u8 = 0x80;
    const LENGTH: u8 = 0x3f;
    let first = coded.next()?;
    if first != 0 {
        return Some((1, first));
    }
    let flags = coded.next()?;
    let mut length = usize::from(flags & LENGTH);
    if flags & LONG != 0 {
        length = length << 8 | usize::from(coded.next()?);
    }
    let index = if flags & COLOURED != 0 { coded.next()? } else { 0 };
    Some((length, index))
}
