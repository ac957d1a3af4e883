// Files to rows and rows to files: the codecs that the engine puts between tasks.
import type { Batch, Column, FileItem, FileStream, Format, FormatChoice, FormatContext, RowStream } from './contracts.ts';
import { failure } from './errors.ts';
