"""What a check of code needs beside the sandbox: references read, programs found in replies, results compared."""
