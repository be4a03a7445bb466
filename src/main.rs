//! The binary: nothing but the way into `millrace::cli`.

fn main() -> std::process::ExitCode {
    millrace::cli::run()
}
