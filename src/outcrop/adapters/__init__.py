"""The outside, one third party a file: each adapter implements a port and translates its errors."""
