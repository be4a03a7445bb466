//! A client as small as can be: one request per connection of HTTP/1.1 (RFC 9112), its answer read as it comes.

use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longer than any answer takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(90);

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

/// An answer whose body is on its way. Dropping it hangs up.
pub struct Coming {
    pub status: u16,
    reader: BufReader<TcpStream>,
    left: Left,
}

/// What is to come of a body.
enum Left {
    Bytes(u64),
    /// Of the chunk that was begun; `None` behind the last one.
    Chunk(Option<u64>),
}

pub fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Sends a request; a POST has a JSON `body`.
pub fn send(mut stream: &TcpStream, path: &str, body: Option<&str>) -> Result<()> {
    let host = stream.peer_addr()?;
    let mut request = match body {
        None => format!("GET {path} HTTP/1.1\r\n"),
        Some(body) => {
            let length = body.len();
            format!("POST {path} HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n")
        }
    };
    request += &format!("Host: {host}\r\nConnection: close\r\n\r\n{}", body.unwrap_or_default());
    stream.write_all(request.as_bytes())
}

impl Coming {
    pub fn ask(address: SocketAddr, path: &str, body: Option<&str>) -> Result<Self> {
        let stream = connect(address)?;
        send(&stream, path, body)?;
        Self::of(stream)
    }

    fn of(stream: TcpStream) -> Result<Self> {
        let mut reader = BufReader::new(stream);
        let line = read_line(&mut reader)?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| Error::new(ErrorKind::InvalidData, line))?;
        let mut left = Left::Bytes(0);
        loop {
            let line = read_line(&mut reader)?.to_ascii_lowercase();
            match line.split_once(": ") {
                None => return Ok(Self { status, reader, left }),
                Some(("content-length", length)) => left = Left::Bytes(length.parse().unwrap_or(0)),
                Some(("transfer-encoding", "chunked")) => left = Left::Chunk(Some(0)),
                Some(_) => {}
            }
        }
    }

    /// The next bytes of the body; empty at its end. A body that breaks off is an error.
    pub fn piece(&mut self) -> Result<Vec<u8>> {
        if matches!(self.left, Left::Chunk(Some(0))) {
            let line = read_line(&mut self.reader)?;
            let size =
                u64::from_str_radix(&line, 16).map_err(|_| Error::new(ErrorKind::InvalidData, line))?;
            self.left = Left::Chunk((size > 0).then_some(size));
        }
        let left = match self.left {
            Left::Bytes(left) => left,
            Left::Chunk(left) => left.unwrap_or(0),
        };
        let mut piece = vec![0; left.min(64 << 10) as usize];
        if left == 0 {
            return Ok(piece);
        }
        let read = self.reader.read(&mut piece)?;
        if read == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        piece.truncate(read);
        let left = left - read as u64;
        self.left = match self.left {
            Left::Bytes(_) => Left::Bytes(left),
            Left::Chunk(_) => Left::Chunk(Some(left)),
        };
        if matches!(self.left, Left::Chunk(Some(0))) {
            read_line(&mut self.reader)?;
        }
        Ok(piece)
    }

    /// The rest of the body.
    pub fn rest(mut self) -> Result<Answer> {
        let mut body = Vec::new();
        loop {
            let piece = self.piece()?;
            if piece.is_empty() {
                return Ok(Answer { status: self.status, body });
            }
            body.extend(piece);
        }
    }
}

fn read_line(reader: &mut BufReader<TcpStream>) -> Result<String> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end().to_owned())
}
