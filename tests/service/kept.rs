//! A client that keeps its connection from request to request, as players do.

use std::io::{BufReader, ErrorKind, Result};
use std::net::SocketAddr;
use std::time::Duration;

use crate::client::{self, Answer, Coming, Connection};

/// Longer than any answer takes on a slow machine; what exceeds it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Client {
    address: SocketAddr,
    patience: Duration,
    connection: Option<Connection>,
}

impl Client {
    pub fn new(address: SocketAddr) -> Self {
        Self { address, patience: PATIENCE, connection: None }
    }

    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// An answer whose body broke off is an error.
    pub fn get(&mut self, path: &str) -> Result<Answer> {
        let coming = self.ask(path)?;
        let (answer, connection) = coming.finish()?;
        self.connection = connection;
        Ok(answer)
    }

    fn ask(&mut self, path: &str) -> Result<Coming> {
        if let Some(connection) = self.connection.take() {
            match ask_on(connection, path) {
                // The server may have closed a connection that was idle for long.
                Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
                coming => return coming,
            }
        }
        ask_on(self.connect()?, path)
    }

    fn connect(&self) -> Result<Connection> {
        let stream = client::connect(self.address)?;
        stream.set_read_timeout(Some(self.patience))?;
        stream.set_write_timeout(Some(self.patience))?;
        Ok(BufReader::new(stream))
    }

    /// Asks, reads at most so many bytes of whatever comes, and hangs up.
    pub fn abandon(&mut self, path: &str, after: usize) -> Result<()> {
        self.ask(path)?.piece_of(after).map(drop)
    }

    /// Reads an answer in pieces with a rest between them; the number of bytes.
    pub fn sip(&mut self, path: &str, piece: usize, mut rest: impl FnMut()) -> Result<usize> {
        let mut coming = self.ask(path)?;
        let mut taken = 0;
        loop {
            let count = coming.piece_of(piece)?.len();
            if count == 0 {
                (_, self.connection) = coming.finish()?;
                return Ok(taken);
            }
            taken += count;
            rest();
        }
    }
}

fn ask_on(connection: Connection, path: &str) -> Result<Coming> {
    client::send_with("", connection.get_ref(), path, None)?;
    Coming::on(connection)
}
