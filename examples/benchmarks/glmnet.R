# A session of glmnet, fed line by line from standard input, words apart by tabs. Matrices travel through binary files, in
# column-major order.
#
#   data N P FILE                 X (n x p) as doubles, then n labels as integers, counted from 0
#   solve THRESH FILE LAM ...     one call of glmnet; answers its seconds, then writes, for each lam,
#                                 p x K coefficients and K intercepts, and answers "written" and the number of lams
suppressPackageStartupMessages(library(glmnet))
glmnet.control(fdev = 0, devmax = 1)
cat(as.character(packageVersion("glmnet")), "\n")
flush(stdout())

lines <- file("stdin", "r")
while (length(line <- readLines(lines, n = 1)) > 0) {
  words <- strsplit(line, "\t", fixed = TRUE)[[1]]
  if (words[1] == "data") {
    n <- as.integer(words[2])
    p <- as.integer(words[3])
    source <- file(words[4], "rb")
    X <- matrix(readBin(source, "double", n * p), n, p)
    y <- factor(readBin(source, "integer", n))
    close(source)
    cat("ready\n")
  } else {
    lams <- as.numeric(words[-(1:3)])
    began <- Sys.time()
    fit <- glmnet(X, y, family = "multinomial", type.multinomial = "grouped", standardize = FALSE,
                  lambda = lams, thresh = as.numeric(words[2]), maxit = 1e9)
    cat(format(as.numeric(Sys.time() - began, units = "secs"), digits = 9), "\n")
    flush(stdout())
    sink <- file(words[3], "wb")
    for (k in seq_along(fit$lambda)) {
      writeBin(as.vector(sapply(fit$beta, function(beta) as.vector(beta[, k]))), sink)
      writeBin(as.vector(fit$a0[, k]), sink)
    }
    close(sink)
    cat("written", length(fit$lambda), "\n")
  }
  flush(stdout())
}
