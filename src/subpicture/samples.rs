//! Makes PGS display sets and packets of VobSub, for tests.

/// A rectangle of one index, coded in the runs that encoders write.
pub fn rectangle(width: u16, height: u16, index: u8) -> Vec<u8> {
    let mut coded = Vec::new();
    for _ in 0..height {
        coded.extend([0, 0xc0 | (width >> 8) as u8, width as u8, index, 0, 0]);
    }
    coded
}

fn segment(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &(body.len() as u16).to_be_bytes(), body].concat()
}

/// A composition of `objects` by number, left and top.
pub fn composition(canvas: (u16, u16), state: u8, objects: &[(u16, u16, u16)]) -> Vec<u8> {
    let mut body = [canvas.0.to_be_bytes(), canvas.1.to_be_bytes()].concat();
    body.extend([0x10, 0, 1, state, 0, 0, objects.len() as u8]);
    for (number, x, y) in objects {
        body.extend(number.to_be_bytes());
        body.extend([0, 0]);
        body.extend([x.to_be_bytes(), y.to_be_bytes()].concat());
    }
    segment(0x16, &body)
}

/// Palette 0: entries of index, Y, Cr, Cb and opacity.
pub fn palette(entries: &[[u8; 5]]) -> Vec<u8> {
    segment(0x14, &[&[0, 0], entries.concat().as_slice()].concat())
}

pub fn object(number: u16, width: u16, height: u16, coded: &[u8]) -> Vec<u8> {
    let length = (coded.len() as u32 + 4).to_be_bytes();
    let mut body = number.to_be_bytes().to_vec();
    body.extend([0, 0xc0, length[1], length[2], length[3]]);
    body.extend([width.to_be_bytes(), height.to_be_bytes()].concat());
    body.extend(coded);
    segment(0x15, &body)
}

pub fn end() -> Vec<u8> {
    segment(0x80, &[])
}

/// White in the colours of high definition, opaque, at index 1.
pub const WHITE: [u8; 5] = [1, 235, 128, 128, 255];

/// A set that shows a white rectangle.
pub fn white(canvas: (u16, u16), place: (u16, u16), size: (u16, u16)) -> Vec<u8> {
    let drawn = object(0, size.0, size.1, &rectangle(size.0, size.1, 1));
    [composition(canvas, 0x80, &[(0, place.0, place.1)]), palette(&[WHITE]), drawn, end()].concat()
}

/// A set that shows nothing.
pub fn nothing(canvas: (u16, u16)) -> Vec<u8> {
    [composition(canvas, 0, &[]), end()].concat()
}

/// A packet of VobSub that shows a rectangle of pixel value 3 (colour 15, opaque) with whole lines, from `on` to `off` in
/// ticks of 1024/90000 s.
pub fn vobsub((x, y): (u16, u16), (width, height): (u16, u16), on: u16, off: u16) -> Vec<u8> {
    // Each line: the rest of it in value 3.
    let line = [0x00, 0x03];
    let field = |lines: u16| line.repeat(usize::from(lines));
    let (top, bottom) = (field(height.div_ceil(2)), field(height / 2));
    let mut data = vec![0; 4];
    let fields = [4, 4 + top.len() as u16];
    data.extend([top, bottom].concat());
    let control = data.len() as u16;
    let (right, down) = (x + width - 1, y + height - 1);
    let commands = [
        &[0x01, 0x03, 0xf0, 0x00, 0x04, 0xf0, 0x00, 0x05][..],
        &[(x >> 4) as u8, (x << 4) as u8 | (right >> 8) as u8, right as u8],
        &[(y >> 4) as u8, (y << 4) as u8 | (down >> 8) as u8, down as u8],
        &[0x06],
        &[fields[0].to_be_bytes(), fields[1].to_be_bytes()].concat(),
        &[0xff],
    ]
    .concat();
    let second = control + 4 + commands.len() as u16;
    data.extend([on.to_be_bytes(), second.to_be_bytes()].concat());
    data.extend(commands);
    data.extend([off.to_be_bytes(), second.to_be_bytes()].concat());
    data.extend([0x02, 0xff]);
    let size = data.len() as u16;
    data[..2].copy_from_slice(&size.to_be_bytes());
    data[2..4].copy_from_slice(&control.to_be_bytes());
    data
}
