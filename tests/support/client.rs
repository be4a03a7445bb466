//! A client as small as can be: HTTP/1.1 (RFC 9112), its answers read as they come.

use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longer than any answer takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(90);
/// Bytes of a body that are read at once.
const PIECE: usize = 64 << 10;

pub type Connection = BufReader<TcpStream>;

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub content_type: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// Says what is wrong as RFC 9457 has it.
    pub fn is_problem(&self) -> bool {
        (400..600).contains(&self.status) && self.content_type.starts_with("application/problem+json")
    }
}

/// An answer whose body is on its way. Dropping it hangs up.
pub struct Coming {
    pub status: u16,
    content_type: String,
    left: Left,
    /// The server closes the connection behind the body.
    close: bool,
    connection: Connection,
}

/// What is to come of a body.
enum Left {
    Bytes(u64),
    /// Of a chunk; none of it before the next one begins.
    Chunk(u64),
    /// Whatever comes before the connection is closed.
    UntilClosed,
}

pub fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Sends the only request of a connection; a POST has a JSON `body`.
pub fn send(stream: &TcpStream, path: &str, body: Option<&str>) -> Result<()> {
    send_with("Connection: close\r\n", stream, path, body)
}

/// Sends a request with these lines in its head.
pub fn send_with(lines: &str, mut stream: &TcpStream, path: &str, body: Option<&str>) -> Result<()> {
    let host = stream.peer_addr()?;
    let mut request = match body {
        None => format!("GET {path} HTTP/1.1\r\n"),
        Some(body) => {
            let length = body.len();
            format!("POST {path} HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n")
        }
    };
    request += &format!("Host: {host}\r\n{lines}\r\n{}", body.unwrap_or_default());
    stream.write_all(request.as_bytes())
}

impl Coming {
    pub fn ask(address: SocketAddr, path: &str, body: Option<&str>) -> Result<Self> {
        let stream = connect(address)?;
        send(&stream, path, body)?;
        Self::on(BufReader::new(stream))
    }

    /// The answer to what was sent. A connection that was closed before it is a [`ErrorKind::ConnectionReset`].
    pub fn on(mut connection: Connection) -> Result<Self> {
        if connection.fill_buf()?.is_empty() {
            return Err(ErrorKind::ConnectionReset.into());
        }
        let line = read_line(&mut connection)?;
        let status: Option<u16> = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| invalid(line))?;
        let left = if [204, 304].contains(&status) { Left::Bytes(0) } else { Left::UntilClosed };
        let mut coming = Self { status, content_type: String::new(), left, close: false, connection };
        loop {
            let line = read_line(&mut coming.connection)?;
            if line.is_empty() {
                return Ok(coming);
            }
            coming.take_header(&line)?;
        }
    }

    fn take_header(&mut self, line: &str) -> Result<()> {
        let (name, value) = line.split_once(':').ok_or_else(|| invalid(line.to_owned()))?;
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-type" => value.clone_into(&mut self.content_type),
            "content-length" => {
                self.left = Left::Bytes(value.parse().map_err(|_| invalid(line.to_owned()))?);
            }
            "transfer-encoding" if value.eq_ignore_ascii_case("chunked") => self.left = Left::Chunk(0),
            "connection" => self.close = value.eq_ignore_ascii_case("close"),
            _ => {}
        }
        Ok(())
    }

    /// The next bytes of the body; empty at its end. A body that breaks off is an error.
    pub fn piece(&mut self) -> Result<Vec<u8>> {
        self.piece_of(PIECE)
    }

    /// The same, with at most so many bytes.
    pub fn piece_of(&mut self, most: usize) -> Result<Vec<u8>> {
        if matches!(self.left, Left::Chunk(0)) {
            self.begin_chunk()?;
        }
        let most = match self.left {
            Left::Bytes(left) | Left::Chunk(left) => left.min(most as u64) as usize,
            Left::UntilClosed => most,
        };
        let mut piece = vec![0; most];
        if most == 0 {
            return Ok(piece);
        }
        let read = self.connection.read(&mut piece)?;
        piece.truncate(read);
        match &mut self.left {
            Left::UntilClosed => self.close = true,
            _ if read == 0 => return Err(ErrorKind::UnexpectedEof.into()),
            Left::Bytes(left) => *left -= read as u64,
            Left::Chunk(left) => {
                *left -= read as u64;
                if *left == 0 {
                    end_line(&mut self.connection)?;
                }
            }
        }
        Ok(piece)
    }

    /// Behind the last chunk there is an end of trailers, and nothing more.
    fn begin_chunk(&mut self) -> Result<()> {
        let line = read_line(&mut self.connection)?;
        let digits = line.split(';').next().unwrap_or_default();
        let size = u64::from_str_radix(digits.trim(), 16).map_err(|_| invalid(line))?;
        self.left = Left::Chunk(size);
        if size == 0 {
            while !read_line(&mut self.connection)?.is_empty() {}
            self.left = Left::Bytes(0);
        }
        Ok(())
    }

    /// The rest of the body.
    pub fn rest(self) -> Result<Answer> {
        self.finish().map(|(answer, _)| answer)
    }

    /// The rest of the body, and the connection, if it can be used again.
    pub fn finish(mut self) -> Result<(Answer, Option<Connection>)> {
        let mut body = Vec::new();
        loop {
            let piece = self.piece()?;
            if piece.is_empty() {
                break;
            }
            body.extend(piece);
        }
        let answer = Answer { status: self.status, content_type: self.content_type, body };
        Ok((answer, (!self.close).then_some(self.connection)))
    }
}

fn invalid(line: String) -> Error {
    Error::new(ErrorKind::InvalidData, line)
}

/// A line without its end.
fn read_line(connection: &mut Connection) -> Result<String> {
    let mut line = String::new();
    connection.read_line(&mut line)?;
    match line.strip_suffix('\n') {
        Some(line) => Ok(line.trim_end().to_owned()),
        None => Err(ErrorKind::UnexpectedEof.into()),
    }
}

fn end_line(connection: &mut Connection) -> Result<()> {
    let line = read_line(connection)?;
    if line.is_empty() { Ok(()) } else { Err(invalid(line)) }
}
