//! A throw-away RSA key for assertion grants. It was generated for these tests, belongs to no
//! account, and the test vendor accepts any assertion.

/// The key in PKCS #8, PEM, 2048 bits.
pub const PRIVATE_KEY_PEM: &str = "\
-----BEGIN PRIVATE KEY-----\n\
MIIEvwIBADANBgkqhkiG9w0BAQEFAASCBKkwggSlAgEAAoIBAQCFIpy3ilZAsvpT\n\
7MYbqqdxvXGxxX7UNzzNxgdakh8njtKZ6l4WLpw9CmxUON/8Gf7TiDLy22n3WCDD\n\
EGKMchbTpaUc3S0o6YijJpoAbh70+GSUCvgalbSCLVtCQcO6cpRhWoA2YZIzGWP/\n\
HrgmE/7lHLfssa+b8OkN0ZFZJXCNJ12m2QTy7tnhHg4vX9N3FwMwaXcey5aOpeiU\n\
P+PmymISgqx3BWrGsrHqui0/zudQmWF09gepkkzbiVBIE/eP8r1Mu/hcX7l6w79O\n\
e/dFah5J8qMR0Iu7m+QVW8OZADQeZWeIIfH1UtwMqYr4/AvGpjEZcoWkLzpN3zJV\n\
6V3CdDbJAgMBAAECggEAA0GkeazNjUmTa+gXtGeJLvQGSuXcw04Sk6nrViDK2Enb\n\
Bt6/rGU5dxjBK5I0kFMGc6AaNux8/ArQylSlRHAp9MVRc5JJX33O1MbF74rCARXu\n\
R9y40tWkk6aOW+GF6xKQZI01I59hVxSg6IWU1YGZs3rvWL/D3tmWqbrdhkOvLBSo\n\
YqX2wHtCgjjRhsIYEJTx7k0T0lo3omzCXHXSPbVHnNFGM5dftBHSG4Q2vvb33KBl\n\
q+KsYlWHQ/1lWWcgyLR4J31WAteaIfNZiDFmO736h57M10TQDjQrcJ2odUyvMcax\n\
kevMOavT/TcDUkbw5+cjTzqT7Gl58Kihb6qjFL0LPQKBgQC6Xmbb7iHNjNKJFlEJ\n\
InbC4jhftPctR3Snzr6nDGFbtwAhFA1zoZ4auLEmMhzy0vDUDhfW9CgwEyI3GJXG\n\
/5fHnvOOSkjtLYJ4b/X8/O/RtW98/5pbUDqBvgRadB3zmca3SbKBWqCBwiiGPWZr\n\
zqbUPTU3h0MZzA+CRek8Me0z7wKBgQC24JW1pNGuWTGHZrudWMbRHVJzA0u1rA9u\n\
QEkSIOor3x8MSVMbfFpZ+e3WKBdkgXMqLsIKODkl9nNXV1eDJ97lE5fx8oe12v33\n\
QG5GHkht3KTue/0fztaAZi2OrjQZekHY3o5l/TkxuGCsXzxSstcVk0Y5WoDAgWaW\n\
8Sqm2sSoxwKBgQCUv8wxNbvdJ8zShfFf7RYFLjH4kaPHjATb+vPIuOTsIwADZtHl\n\
vNVIVqlt5wmb9ikp16XHd1CsLllcyE6jalVmisOyii/yviQopJQdvHRdWQcHKau1\n\
vi80ZslquMs/JzmoCTZkcEUzzBg0LMWWvnYBaGkVTOyNpoWqYMprtR2yGQKBgQCo\n\
xvTkQ0zRH7g6QnH8caZr8Cfbxbrl2/oRwnqtpHr6Kl25NSLiRw4L5EHAWBfexinH\n\
UIf8bo8vnhgtD4rQnMd1m3Or9C2ThJzGyEv9oo0t92iwQPYHmRkWPzbka5nhuZdz\n\
01KQhfd3D7cI3owJtswSOW2iGQiiocpQnBrFCzpcmQKBgQCAOAOEQvtMy7ef9uBL\n\
83hpVUVd2QC4engGUT16Xi35zgVF1lnJsifhcapCR/FpLmMiOucTD3KWiUSJqAlc\n\
I9exNSqLPpXpSZ5FEyIYZKwILx5mmvt9uJcOB1TySQ+EulRZQdlbfAUwrVwJLh3Q\n\
3IG5eMS3mGacS43QVkKRWjOFiQ==\n\
-----END PRIVATE KEY-----\n\
";
